import { describe, expect, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Stream, TestClock } from "effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as BlobCache from "../../src/oci/BlobCache.js"
import type { Descriptor } from "../../src/oci/Manifest.js"
import { type Failed, final, passing } from "../../src/oci/Patience.js"
import type { Registry } from "../../src/oci/Registry.js"
import { removeFolder, temporaryFolder } from "../box/BoxFixture.js"
import { digestOf } from "./Tar.js"

const bytes = Buffer.from("the bytes of a blob, as they should be")
const blob: Descriptor = { mediaType: "", digest: digestOf(bytes), size: bytes.length }

type Reply = (from: number) => Stream.Stream<Uint8Array, Failed>

const whole: Reply = (from) => Stream.make(bytes.subarray(from))
const broken = (until: number): Reply => (from) =>
  Stream.concat(Stream.make(bytes.subarray(from, until)), Stream.fail(passing("it broke off")))

/** A registry whose answers are given, the last of them for ever. */
const registryOf = (...replies: ReadonlyArray<Reply>) => {
  const asked: Array<number> = []
  const troubles: Array<string> = []
  const registry: Registry = {
    onTrouble: ({ description }) => troubles.push(description),
    manifest: () => Effect.die("not asked for"),
    blob: (_, from) =>
      Effect.sync(() => {
        asked.push(from)
        return { restarted: from === 0, bytes: (replies[asked.length - 1] ?? replies.at(-1) ?? whole)(from) }
      })
  }
  return { asked, troubles, registry }
}

const cache = Effect.acquireRelease(
  Effect.sync(() => {
    const store = temporaryFolder()
    for (const name of ["blobs", "tmp"]) Fs.mkdirSync(join(store, name))
    const blobs = BlobCache.make(store, {
      reserve: (name) =>
        Effect.acquireRelease(
          Effect.succeed(join(store, "tmp", name)),
          (path) => Effect.sync(() => Fs.rmSync(path, { force: true }))
        )
    })
    return { store, blobs, leftovers: () => Fs.readdirSync(join(store, "tmp")) }
  }),
  ({ store }) => Effect.sync(() => removeFolder(store))
)

const ignoring = (): void => undefined

/** Lets every pause of the fiber pass. */
const patient = <A, E>(self: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(self)
    // what is done on disk ends in real time
    while ((yield* Fiber.poll(fiber))._tag === "None") {
      yield* TestClock.adjust(Duration.seconds(10))
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    return yield* Fiber.join(fiber)
  })

describe("the blobs of registries", () => {
  it.scoped("are fetched once, and told of as they come", () =>
    Effect.gen(function*() {
      const { blobs, leftovers } = yield* cache
      const { asked, registry } = registryOf(() => Stream.make(bytes.subarray(0, 5), bytes.subarray(5)))
      const told: Array<number> = []
      const path = yield* blobs.fetch(registry, blob, (there) => told.push(there))
      expect(Fs.readFileSync(path)).toEqual(bytes)
      expect(told).toEqual([5, bytes.length])
      expect(yield* blobs.fetch(registry, blob, (there) => told.push(there))).toBe(path)
      expect([asked, told.at(-1), leftovers()]).toEqual([[0], bytes.length, []])
    }))

  it.scoped("that were damaged since, in content or in size, are fetched anew", () =>
    Effect.gen(function*() {
      const { blobs } = yield* cache
      const { asked, registry } = registryOf(whole)
      const path = yield* blobs.fetch(registry, blob, ignoring)
      for (const damaged of [Buffer.from(bytes).fill("x", 3, 4), bytes.subarray(1), Buffer.alloc(0)]) {
        Fs.writeFileSync(path, damaged)
        expect(Fs.readFileSync(yield* blobs.fetch(registry, blob, ignoring))).toEqual(bytes)
      }
      Fs.rmSync(path)
      Fs.symlinkSync("/dev/null", path)
      expect(Fs.readFileSync(yield* blobs.fetch(registry, blob, ignoring))).toEqual(bytes)
      expect(asked).toEqual([0, 0, 0, 0, 0])
    }))

  it.scoped("that break off go on where they ended, and end after five tries without a byte", () =>
    Effect.gen(function*() {
      const { blobs, leftovers } = yield* cache
      const { asked, registry, troubles } = registryOf(broken(4), broken(4), broken(9), whole)
      const path = yield* patient(blobs.fetch(registry, blob, ignoring))
      expect(Fs.readFileSync(path)).toEqual(bytes)
      expect([asked, troubles.length]).toEqual([[0, 4, 4, 9], 3])

      const { asked: again, registry: dead } = registryOf(broken(4), broken(4))
      Fs.rmSync(path)
      const error = yield* Effect.flip(patient(blobs.fetch(dead, blob, ignoring)))
      expect(error).toMatchObject({ reason: "Unreachable", description: "it broke off" })
      expect([again.length, leftovers()]).toEqual([5, []])
    }))

  it.scoped("that end too early are asked for again, five times", () =>
    Effect.gen(function*() {
      const { blobs } = yield* cache
      const { asked, registry } = registryOf(() => Stream.empty)
      const error = yield* Effect.flip(patient(blobs.fetch(registry, blob, ignoring)))
      expect(error.description).toMatch(/ends before its/)
      expect(asked.length).toBe(5)
    }))

  it.scoped("that are others, or longer than they should be, are fetched once more, and refused", () =>
    Effect.gen(function*() {
      const { blobs, leftovers, store } = yield* cache
      for (const wrong of [Buffer.from(bytes).fill("x", 0, 1), Buffer.concat([bytes, bytes])]) {
        const { asked, registry } = registryOf(() => Stream.make(wrong))
        const error = yield* Effect.flip(patient(blobs.fetch(registry, blob, ignoring)))
        expect([error, asked.length]).toMatchObject([{ reason: "BadContent" }, 2])
      }
      expect([Fs.readdirSync(join(store, "blobs")), leftovers()]).toEqual([[], []])
      // a wrong byte on the way is mended by the second time
      const { registry } = registryOf(() => Stream.make(Buffer.alloc(bytes.length)), whole)
      expect(Fs.readFileSync(yield* blobs.fetch(registry, blob, ignoring))).toEqual(bytes)
    }))

  it.scoped("that a registry refuses are not asked for again", () =>
    Effect.gen(function*() {
      const { blobs } = yield* cache
      const { asked, registry } = registryOf(() => Stream.fail(final("Refused", "no")))
      expect(yield* Effect.flip(blobs.fetch(registry, blob, ignoring))).toMatchObject({ reason: "Refused" })
      expect(asked.length).toBe(1)
    }))

  it.scoped("that two want at once are fetched once; when the first gives up, the other goes on", () =>
    Effect.gen(function*() {
      const { blobs } = yield* cache
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const held: Reply = (from) =>
        Stream.unwrap(
          Deferred.succeed(begun, undefined).pipe(
            Effect.zipRight(Deferred.await(gate)),
            Effect.as(whole(from))
          )
        )
      const { asked, registry } = registryOf(held)
      const [first, second] = yield* Effect.all([
        Effect.fork(blobs.fetch(registry, blob, ignoring)),
        Effect.fork(Effect.zipRight(Deferred.await(begun), blobs.fetch(registry, blob, ignoring)))
      ])
      yield* Deferred.await(begun)
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(first)).toBe(yield* Fiber.join(second))
      expect(asked.length).toBe(1)

      Fs.rmSync(yield* Fiber.join(first))
      const stuck = yield* Deferred.make<void>()
      const never = registryOf(() => Stream.unwrap(Effect.as(Deferred.succeed(stuck, undefined), Stream.never)))
      const gone = yield* Effect.fork(blobs.fetch(never.registry, blob, ignoring))
      yield* Deferred.await(stuck)
      const heir = yield* Effect.fork(blobs.fetch(registryOf(whole).registry, blob, ignoring))
      yield* Fiber.interrupt(gone)
      expect(Fs.readFileSync(yield* Fiber.join(heir))).toEqual(bytes)
    }))
})
