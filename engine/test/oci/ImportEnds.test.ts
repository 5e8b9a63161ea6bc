/** Imports that end because the engine does, or because the disk is full. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Scope } from "effect"
import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { isRoot } from "../box/BoxFixture.js"
import * as Local from "../support/LocalEngine.js"
import * as FakeRegistry from "./FakeRegistry.js"
import { file, image, tar } from "./Tar.js"

const noise = Effect.promise(async () => image([await tar([file("noise", randomBytes(6_000_000))])]))

const zeros = (size: number) => Local.promise(() => tar([file("zeros", Buffer.alloc(size))]))

const importing = async (client: Local.Client, url: string) => {
  const begun = await client.call("POST", "/v1/images/import", { body: { registry: { url } } })
  return client.ended(begun.json.uuid)
}

const smallDisk = (size: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.tap(Local.storeFolder, (folder) =>
    Effect.acquireRelease(
      Effect.sync(() => execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=0700`, "small", folder])),
      () => Effect.sync(() => execFileSync("umount", ["-l", folder]))
    ))

describe("an import", () => {
  it.scopedLive("is stopped with the engine, and leaves nothing of it", () =>
    Effect.gen(function*() {
      const fake = yield* FakeRegistry.make
      const made = yield* noise
      fake.add("half", "v1", made)
      const [blob] = made.layers
      let sent = (): void => undefined
      const half = new Promise<void>((resolve) => {
        sent = resolve
      })
      fake.instead.set(`/v2/half/blobs/${blob!.digest}`, [(response) => {
        response.writeHead(200, { "content-length": blob!.bytes.length })
        response.write(blob!.bytes.subarray(0, 1_000_000), sent)
      }])
      const store = yield* Local.storeFolder
      const { client, close } = yield* Local.closable(store)
      const id = yield* Local.promise(async () => {
        const url = `docker://${fake.host}/half:v1`
        const begun = await client.call("POST", "/v1/images/import", { body: { registry: { url } } })
        await half
        return begun.json.uuid as string
      })
      yield* close
      expect(Local.traces(store, [id])).toEqual([])
      const again = yield* Local.startOn(store)
      const operation = (yield* Local.promise(() => again.call("GET", `/v1/operations/${id}`))).json
      expect(operation).toMatchObject({ status: "FAILED", error: "engine stopped", result_image_uuid: null })
    }))

  it.scopedLive("that unpacks to more than the engine allows is FAILED, however small it comes", () =>
    Effect.gen(function*() {
      const fake = yield* FakeRegistry.make
      fake.add("bomb", "v1", image([yield* zeros(40_000_000)]))
      const client = yield* Local.startOn(yield* Local.storeFolder, { maxImageBytes: 39_000_000 })
      const operation = yield* Local.promise(() => importing(client, `docker://${fake.host}/bomb:v1`))
      expect(operation).toMatchObject({
        status: "FAILED",
        error: expect.stringMatching(/more bytes than the engine's option maxImageBytes allows/)
      })
    }))

  if (!isRoot) {
    it("on a full disk can be tried by root only", () => {
      console.warn("NOT RUN: an import on a full disk. Mounting a small file system needs root.")
      expect(isRoot).toBe(false)
    })
    return
  }

  it.scopedLive("that would fill the disk is FAILED before it does", () =>
    Effect.gen(function*() {
      const fake = yield* FakeRegistry.make
      fake.add("zeros", "v1", image([yield* zeros(90_000_000)]))
      const client = yield* Local.startOn(`${yield* smallDisk("68m")}/store`)
      const operation = yield* Local.promise(() => importing(client, `docker://${fake.host}/zeros:v1`))
      expect(operation).toMatchObject({
        status: "FAILED",
        error: expect.stringMatching(/would fill the disk: \d+ MiB are left .* 3 MiB stay for others/)
      })
    }))

  it.scopedLive("that fills the disk is FAILED with the reason, and gives back what it took", () =>
    Effect.gen(function*() {
      const fake = yield* FakeRegistry.make
      // the blob has room, what it unpacks to has not
      fake.add("zeros", "v1", image([yield* zeros(40_000_000)]))
      const folder = yield* smallDisk("24m")
      const store = `${folder}/store`
      const client = yield* Local.startOn(store)
      const free = (): number => {
        const { bavail, bsize } = Fs.statfsSync(store)
        return bavail * bsize
      }
      const before = free()
      yield* Local.promise(async () => {
        const operation = await importing(client, `docker://${fake.host}/zeros:v1`)
        expect(operation).toMatchObject({
          status: "FAILED",
          error: expect.stringMatching(/DiskFull: unpacking the image: ENOSPC.*free some space/)
        })
        expect(operation.error).not.toContain(folder)
        // the blobs stay for the next time
        expect(before - free()).toBeLessThan(1_000_000)
        expect(Fs.readdirSync(`${store}/tmp`)).toEqual([])
        expect((await client.run({ command: "echo x > /f", shell: true })).status).toBe("SUCCESS")
      })
    }))
})
