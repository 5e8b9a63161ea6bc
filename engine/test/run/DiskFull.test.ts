import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { isRoot } from "../box/BoxFixture.js"
import * as Local from "../support/LocalEngine.js"

const smallDisk = Effect.gen(function*() {
  const folder = yield* Local.storeFolder
  yield* Effect.acquireRelease(
    Effect.sync(() => execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m,mode=0700", "small", folder])),
    () => Effect.sync(() => execFileSync("umount", ["-l", folder]))
  )
  // every process sees the mount: the store must not bear its very name
  return `${folder}/store`
})

/** Takes all but so many bytes of what is free. */
const fill = (folder: string, left: number): string => {
  const { bavail, bsize } = Fs.statfsSync(folder)
  const path = `${folder}/filler`
  Fs.writeFileSync(path, Buffer.alloc(Math.max(0, bavail * bsize - left)))
  return path
}

describe("a full disk", () => {
  if (!isRoot) {
    it("can be made by root only", () => {
      console.warn("NOT RUN: a full disk. Mounting a small file system needs root.")
      expect(isRoot).toBe(false)
    })
    return
  }
  it.scopedLive("fails the run that meets it, with the reason, and not the engine", () =>
    Effect.gen(function*() {
      const store = yield* smallDisk
      const client = yield* Local.startOn(store)
      yield* Effect.promise(async () => {
        const filler = fill(store, 1_500_000)
        const id = await client.spawn({
          command: "head -c 6000000 /dev/zero",
          shell: true,
          disposable: true,
          truncate_output_at: 10_485_760
        })
        const operation = await client.ended(id)
        expect(operation.status).toBe("FAILED")
        expect(operation.error).toMatch(/event log.*(ENOSPC|no space)/)
        const events = Local.eventsOf((await client.call("GET", `/v1/operations/${id}/events?follow=1`)).text)
        expect(events.at(-1)).toMatchObject({ type: "completion", data: { status: "FAILED", error: operation.error } })
        expect((await client.call("POST", "/v1/files", { body: new Uint8Array(4_000_000) })).status).toBe(507)
        expect(Local.busyOn(store, [id])).toEqual([])
        Fs.unlinkSync(filler)
        expect((await client.run({ command: "echo x > /f", shell: true })).status).toBe("SUCCESS")
      })
    }))

  it.scopedLive(
    "that stays full ends the run for whoever asks, and the row follows when there is room",
    () =>
      Effect.gen(function*() {
        const store = yield* smallDisk
        const client = yield* Local.startOn(store)
        yield* Effect.promise(async () => {
          const id = await client.spawn({ command: "echo on; sleep 1000", shell: true, disposable: true })
          const follower = await client.follow(`/v1/operations/${id}/events?follow=1`)
          await follower.until((text) => text.includes("event: stdout"))
          const fillers = [fill(store, 0)]
          const kept = setInterval(() => {
            try {
              const path = `${store}/filler-${fillers.length}`
              fillers.push(path)
              Fs.writeFileSync(path, Buffer.alloc(4_000_000))
            } catch {
              // full: as it should be
            }
          }, 5)
          expect((await client.call("DELETE", `/v1/operations/${id}`)).status).toBe(202)
          expect(await follower.end).toBe(true)
          expect(Local.eventsOf(follower.text()).at(-1)).toMatchObject({
            type: "completion",
            data: { status: "CANCELLED" }
          })
          const operation = (await client.call("GET", `/v1/operations/${id}`)).json
          expect([operation.status, operation.result]).toEqual(["CANCELLED", { image: null, tag: null }])
          expect((await client.call("DELETE", `/v1/operations/${id}`)).status).toBe(409)
          clearInterval(kept)
          for (const path of fillers) Fs.rmSync(path, { force: true })
          const rows = async () => (await client.call("GET", "/v1/operations?status=CANCELLED")).json
          for (let tries = 0; (await rows()).length === 0 && tries < 400; tries += 1) {
            await new Promise((resolve) => setTimeout(resolve, 25))
          }
          expect((await rows())[0].uuid).toBe(id)
          expect((await client.run({ command: "echo x > /f", shell: true })).status).toBe("SUCCESS")
        })
      }),
    60_000
  )
})
