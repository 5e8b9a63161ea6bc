import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Stream, TestClock } from "effect"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { emptyStore } from "./support.js"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const sha256 = (...parts: ReadonlyArray<Uint8Array>): string =>
  createHash("sha256").update(Buffer.concat(parts)).digest("hex")
const maxBytes = 1 << 30
const page = { limit: 100, offset: 0 }

describe("upload", () => {
  it.scoped("keeps the bytes under their digest, and the same bytes once", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      yield* TestClock.setTime(5000)
      const first = yield* store.files.upload(Stream.make(bytes("hel"), bytes(""), bytes("lo")), { maxBytes: 5 })
      expect(first).toMatchObject({ sha256: sha256(bytes("hello")), size: 5, createdAt: { seconds: 5, nanos: 0 } })
      expect(readFileSync(store.files.path(first), "utf8")).toBe("hello")
      expect(statSync(store.files.path(first)).mode & 0o777).toBe(0o600)

      yield* TestClock.setTime(9000)
      const second = yield* store.files.upload(Stream.make(bytes("hello")), { maxBytes })
      expect(second).toEqual({ ...first, updatedAt: { seconds: 9, nanos: 0 } })
      expect(yield* store.files.get(first.sha256)).toEqual(Option.some(second))
      expect(yield* store.files.getById(first.id)).toEqual(Option.some(second))
      expect(readdirSync(`${store.path}/files`)).toEqual([first.sha256])

      const empty = yield* store.files.upload(Stream.empty, { maxBytes })
      expect(empty).toMatchObject({ size: 0, sha256: sha256() })
      expect((yield* store.files.list(page)).map((file) => file.id)).toEqual([empty.id, first.id])
      expect(yield* store.files.list({ ...page, limit: 1, offset: 1 })).toEqual([second])
      expect(yield* store.files.list({ ...page, until: { seconds: 8, nanos: 0 } })).toEqual([second])
      expect(yield* store.files.get("no digest")).toEqual(Option.none())
      expect(yield* store.files.getById("no id")).toEqual(Option.none())
      expect(readdirSync(`${store.path}/tmp`)).toEqual([])
    }))

  it.scoped("puts back a file that was lost from the disk", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      const first = yield* store.files.upload(Stream.make(bytes("x")), { maxBytes })
      rmSync(store.files.path(first))
      const second = yield* store.files.upload(Stream.make(bytes("x")), { maxBytes })
      expect(second.id).toBe(first.id)
      expect(readFileSync(store.files.path(first), "utf8")).toBe("x")
    }))

  it.scoped("holds many uploads of the same and of other bytes at once", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      const rows = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, n) => n % 4),
        (n) => store.files.upload(Stream.make(bytes("x".repeat(100_000)), bytes(String(n))), { maxBytes }),
        { concurrency: "unbounded" }
      )
      expect(new Set(rows.map((row) => row.id)).size).toBe(4)
      expect(readdirSync(`${store.path}/files`)).toHaveLength(4)
    }))
})

describe("an upload that does not end well leaves nothing", () => {
  it.scoped("too many bytes", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      let taken = 0
      const endless = Stream.repeatEffect(Effect.sync(() => (taken++, bytes("abc"))))
      const error = yield* Effect.flip(store.files.upload(endless, { maxBytes: 10 }))
      expect(error).toMatchObject({ _tag: "UploadTooLarge", maxBytes: 10 })
      expect(taken).toBeLessThan(20)
      expect([readdirSync(`${store.path}/files`), readdirSync(`${store.path}/tmp`)]).toEqual([[], []])
    }))

  it.scoped("a stream that fails", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      const failing = Stream.concat(Stream.make(bytes("abc")), Stream.fail("gone" as const))
      expect(yield* Effect.flip(store.files.upload(failing, { maxBytes }))).toBe("gone")
      expect([readdirSync(`${store.path}/files`), readdirSync(`${store.path}/tmp`)]).toEqual([[], []])
      expect(yield* store.files.list(page)).toEqual([])
    }))

  it.scoped("an interruption", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      const waiting = yield* Deferred.make<void>()
      const stuck = Stream.concat(
        Stream.make(bytes("x".repeat(1 << 20))),
        Stream.fromEffect(Effect.zipRight(Deferred.succeed(waiting, undefined), Effect.never))
      )
      const upload = yield* Effect.fork(store.files.upload(stuck, { maxBytes }))
      yield* Deferred.await(waiting)
      const [spool] = readdirSync(`${store.path}/tmp`)
      expect(existsSync(`${store.path}/tmp/${spool}`)).toBe(true)
      yield* Fiber.interrupt(upload)
      expect([readdirSync(`${store.path}/files`), readdirSync(`${store.path}/tmp`)]).toEqual([[], []])
      expect(yield* store.files.list(page)).toEqual([])
    }))
})
