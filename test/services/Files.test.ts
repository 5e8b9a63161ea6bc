import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { Errors, File, Files } from "effect-contree"
import { type Fake, makeFake, withFake } from "../support/fakeApi.js"

const over = <A, E, R>(fake: Fake, use: (files: Files.Service) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(Files.Files, use).pipe(Effect.provide(withFake(fake)))

const sha = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

describe("files", () => {
  it.effect("the same bytes are sent once", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const [a, b] = yield* over(fake, (f) =>
        Effect.all([f.upload("hello"), f.upload(new TextEncoder().encode("hello"))]))
      expect([a.sha256, a.size]).toEqual([sha, 5])
      expect(b).toEqual(a)
      expect(fake.named("uploadFile").length).toBe(1)
      expect(
        yield* over(fake, (f) =>
          f.upload(File.uploaded(a)))
      ).toBe(a)
    }))

  it.effect("a stream is sent as it is read, and its failure is the upload's", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      yield* over(fake, (f) => f.upload(File.stream(Stream.make(Uint8Array.of(104), new TextEncoder().encode("ello")))))
      expect(fake.files.has(sha)).toBe(true)
      expect(fake.named("getFile")).toEqual([])
      expect(yield* Effect.flip(over(fake, (f) => f.upload(File.stream(Stream.fail("torn")))))).toBe("torn")
    }))

  it.effect("looks up by digest", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      yield* over(fake, (f) => f.upload("hello"))
      expect((yield* over(fake, (f) => f.get(sha.toUpperCase()))).size).toBe(5)
      expect(yield* over(fake, (f) => f.exists(sha))).toBe(true)
      const before = fake.calls.length
      expect(yield* over(fake, (f) => f.exists("../whoami"))).toBe(false)
      expect(yield* Effect.flip(over(fake, (f) => f.get("../whoami")))).toBeInstanceOf(Errors.NotFoundError)
      expect(fake.calls.length).toBe(before)
      expect((yield* over(fake, (f) => f.list())).map((info) => info.sha256)).toEqual([sha])
    }))

  it.effect("no more uploads at once than configured", () =>
    Effect.gen(function*() {
      const fake = makeFake({ concurrency: { runs: 1, imports: 1, uploads: 2 } })
      const gate = yield* Deferred.make<void>()
      fake.before.set("uploadFile", Deferred.await(gate))
      const fiber = yield* Effect.fork(
        over(fake, (f) => Effect.all(["a", "b", "c", "d"].map((text) => f.upload(text)), { concurrency: "unbounded" }))
      )
      yield* fake.awaitCalls("uploadFile", 2)
      for (let i = 0; i < 50; i++) yield* Effect.yieldNow()
      expect(fake.named("uploadFile").length).toBe(2)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(fiber)
      expect(fake.named("uploadFile").length).toBe(4)
    }))
})
