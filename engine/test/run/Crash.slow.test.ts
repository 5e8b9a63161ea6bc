import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { bundle } from "../support/Bundle.js"
import * as Crash from "../support/Crash.js"
import * as Local from "../support/LocalEngine.js"

const kills = Number(process.env["CONTREE_KILLS"] ?? 200)

const program = bundle("engine/test/support/CrashChild.ts")

describe("a program with ten boxes, imports and collections of garbage, killed at random moments", () => {
  it.scopedLive(
    "leaves no process; every start is usable, and every committed image is there and unchanged",
    () =>
      Effect.gen(function*() {
        const store = yield* Local.storeFolder
        const images = new Map<string, string>()
        for (let kill = 0; kill < kills; kill++) {
          const afterMillis = Math.random() * 1500
          // on a slow machine no image is committed so soon
          const committed = kill % 8 === 7 ? 1 : 0
          // each start is on what the kill before left
          const crashed = yield* Effect.promise(() =>
            Crash.crash({ program, store, boxes: 10, afterMillis, committed, collects: true })
          )
          for (const [id, digest] of crashed.images) images.set(id, digest)
          expect(yield* Effect.promise(() => Crash.survivors(store)), `kill ${kill} after ${afterMillis} ms`).toEqual(
            []
          )
        }
        expect(images.size).toBeGreaterThan(0)
        console.log(`${kills} kills, ${images.size} images were known to be committed`)
        const engine = yield* Local.startOn(store)
        expect(Fs.readdirSync(`${store}/tmp`)).toEqual([])
        yield* Effect.promise(async () => {
          for (const [id, digest] of images) {
            const { body } = await engine.call("GET", `/v1/inspect/${id}/archive?path=/f`)
            expect(createHash("sha256").update(body).digest("hex"), id).toBe(digest)
          }
          // what the store says of the others holds too: nobody who read it was told of an image that is not there
          const succeeded = await Local.everyOperation(engine, "SUCCESS")
          expect(succeeded.length).toBeGreaterThan(0)
          for (const { result_image_uuid: id } of succeeded) {
            expect((await engine.call("GET", `/v1/inspect/${id}/`)).status, id).toBe(200)
          }
          expect((await engine.run({ command: "echo x > /g", shell: true })).status).toBe("SUCCESS")
        })
      }),
    3_600_000
  )
})
