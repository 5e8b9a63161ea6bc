import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { bundle } from "../support/Bundle.js"
import * as Crash from "../support/Crash.js"
import * as Local from "../support/LocalEngine.js"

const program = bundle("engine/test/support/CrashChild.ts")

describe("a program killed with runs and an import in flight", () => {
  it.scopedLive(
    "leaves no process; the next start is usable, and committed images are there and unchanged",
    () =>
      Effect.gen(function*() {
        const store = yield* Local.storeFolder
        const images = new Map<string, string>()
        const operations: Array<string> = []
        for (const [begun, afterMillis] of [[0, 60], [4, 100], [12, 300]] as const) {
          const crashed = yield* Effect.promise(() => Crash.crash({ program, store, boxes: 5, begun, afterMillis }))
          for (const [id, digest] of crashed.images) images.set(id, digest)
          operations.push(...crashed.operations)
          expect(yield* Effect.promise(() => Crash.survivors(store))).toEqual([])
        }
        expect(operations.length).toBeGreaterThanOrEqual(16)
        const engine = yield* Local.startOn(store)
        expect(Fs.readdirSync(`${store}/tmp`)).toEqual([])
        yield* Effect.promise(async () => {
          for (const [id, digest] of images) {
            const { body } = await engine.call("GET", `/v1/inspect/${id}/archive?path=/f`)
            expect(createHash("sha256").update(body).digest("hex")).toBe(digest)
          }
          for (const id of operations) {
            const operation = (await engine.call("GET", `/v1/operations/${id}`)).json
            expect(["SUCCESS", "FAILED", "CANCELLED"]).toContain(operation.status)
            if (operation.status === "FAILED") expect(operation.error).toBe("engine stopped")
            const events = Local.eventsOf((await engine.call("GET", `/v1/operations/${id}/events?follow=1`)).text)
            expect(events.map((event) => event.id)).toEqual(events.map((_, index) => index))
            expect(events.at(-1)).toMatchObject({ type: "completion", data: { status: operation.status } })
          }
          expect((await engine.run({ command: "echo x > /g", shell: true })).status).toBe("SUCCESS")
        })
      }),
    60_000
  )
})
