import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { Command, Errors, File, Files, Ids } from "effect-contree"
import type { Wire } from "effect-contree"
import { createHash } from "node:crypto"
import { type Fake, fileId, imageOf, makeFake, withFake } from "../support/fakeApi.js"

const over = <A, E, R>(fake: Fake, use: (files: Files.Service) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(Files.Files, use).pipe(Effect.provide(withFake(fake)))

const sha = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

describe("files", () => {
  it.effect("ensure sends what the service has not got, upload sends in any case", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const [a, b] = yield* over(fake, (f) =>
        Effect.all([f.ensure("hello"), f.ensure(new TextEncoder().encode("hello"))]))
      expect([a.sha256, a.size]).toEqual([sha, 5])
      expect(b).toEqual(a)
      expect(fake.calls.map((call) =>
        call.method
      )).toEqual(["getFile", "uploadFile", "getFile"])
      expect(yield* over(fake, (f) => f.upload("hello"))).toEqual(a)
      expect(fake.named("uploadFile").length).toBe(2)
      expect(yield* over(fake, (f) => f.ensure(File.uploaded(a)))).toBe(a)
      expect(yield* over(fake, (f) => f.upload(File.uploaded(a)))).toBe(a)
      expect(fake.calls.length).toBe(4)
    }))

  it.effect("text and bytes of any length have the digest that everybody gives them", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      for (const length of [0, 1, 2047, 2048, 2049, 100_000]) {
        const bytes = Uint8Array.from({ length: length + 8 }, (_, i) => i * 7).subarray(8)
        const file = yield* over(fake, (f) => f.ensure(bytes))
        expect(file.sha256).toBe(createHash("sha256").update(bytes).digest("hex"))
      }
    }))

  it.effect("a stream is sent as it is read, and its failure is the upload's", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      for (const name of ["ensure", "upload"] as const) {
        const pieces = Stream.make(Uint8Array.of(104), new TextEncoder().encode("ello"))
        expect((yield* over(fake, (f) => f[name](File.stream(pieces)))).sha256).toBe(sha)
        expect(yield* Effect.flip(over(fake, (f) => f[name](File.stream(Stream.fail("torn")))))).toBe("torn")
      }
      expect(fake.files.has(sha)).toBe(true)
      expect(fake.named("getFile")).toEqual([])
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

describe("local files", () => {
  const digest = (content: string) => createHash("sha256").update(content).digest("hex")
  const inFolder = <A, E, R>(use: (folder: string, fs: FileSystem.FileSystem) => Effect.Effect<A, E, R>) =>
    Effect.scoped(Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      return yield* use(yield* fs.makeTempDirectoryScoped(), fs)
    })).pipe(Effect.provide(NodeContext.layer))

  it.effect("a second upload of the same content sends no body", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        const fake = makeFake()
        const content = "0123456789".repeat(20_000)
        yield* fs.writeFileString(`${folder}/a`, content)
        yield* fs.writeFileString(`${folder}/b`, content)
        const first = yield* over(fake, (f) => f.ensure(File.path(`${folder}/a`)))
        expect([first.sha256, first.size]).toEqual([digest(content), content.length])
        expect(yield* over(fake, (f) => f.ensure(File.path(`${folder}/b`)))).toEqual(first)
        expect(fake.calls.map((call) => call.method)).toEqual(["getFile", "uploadFile", "getFile"])
        yield* over(fake, (f) => f.upload(File.path(`${folder}/b`)))
        expect(fake.named("uploadFile").length).toBe(2)
      })
    ))

  it.effect("files of a run are ensured: once each, and not at all when they are there", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        const fake = makeFake()
        yield* fs.writeFileString(`${folder}/a`, "same")
        yield* fs.writeFileString(`${folder}/b`, "same")
        yield* fs.writeFileString(`${folder}/run.sh`, "echo hello")
        yield* fs.chmod(`${folder}/run.sh`, 0o755)
        const image = yield* imageOf(fake)
        const files = {
          "/a": File.path(`${folder}/a`),
          "/again": File.path(`${folder}/a`, { mode: 0o600 }),
          "/b": File.path(`${folder}/b`),
          "/c": "same",
          "/run.sh": File.path(`${folder}/run.sh`)
        }
        yield* image.run(Command.exec("true"), { files })
        expect([fake.named("getFile").length, fake.named("uploadFile").length]).toEqual([2, 2])
        yield* image.run(Command.exec("true"), { files })
        expect([fake.named("getFile").length, fake.named("uploadFile").length]).toEqual([4, 2])
        const sent = fake.named("spawnInstance").map((call) => (call.args[0] as Wire.InstanceSpawnRequest).files!)
        expect(sent[0]).toEqual(sent[1])
        const { "/a": a, "/again": again, "/b": b, "/c": c, "/run.sh": run } = sent[0]!
        expect([again!.uuid, b!.uuid, c!.uuid]).toEqual([a!.uuid, a!.uuid, a!.uuid])
        // executable as it is here; what is said for one use wins there
        expect([a!.mode, again!.mode, run!.mode]).toEqual([undefined, 0o600, 0o755])
      })
    ))

  it.effect("one that changes between the two readings is what it is when it is sent", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        const fake = makeFake()
        const path = `${folder}/a`
        yield* fs.writeFileString(path, "before")
        fake.before.set("getFile", Effect.orDie(fs.writeFileString(path, "after!")))
        const file = yield* over(fake, (f) => f.ensure(File.path(path)))
        expect(file.sha256).toBe(digest("after!"))
        expect(fake.files.get(digest("after!"))?.id).toBe(file.id)
      })
    ))

  it.effect("a service that has other bytes than were sent is not believed", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        const fake = makeFake()
        yield* fs.writeFileString(`${folder}/a`, "hello")
        const api: Fake["api"] = {
          ...fake.api,
          uploadFile: (content) =>
            Effect.as(content instanceof Uint8Array ? Effect.void : Stream.runDrain(content), {
              uuid: fileId(1),
              sha256: Ids.Sha256.make("0".repeat(64)),
              size: 5
            })
        }
        for (const content of ["hello", File.path(`${folder}/a`), File.stream(Stream.make(Uint8Array.of(1)))]) {
          for (const name of ["ensure", "upload"] as const) {
            const error = yield* Effect.flip(over({ ...fake, api }, (f) => f[name](content)))
            expect(error).toBeInstanceOf(Errors.DecodeError)
            expect(String(error)).toContain("0".repeat(64))
          }
        }
      })
    ))

  it.effect("one that cannot be read is the file's error, and nothing is sent", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const error = yield* Effect.flip(over(fake, (f) => f.ensure(File.path("/nowhere/at/all"))))
      expect(error._tag).toBe("SystemError")
      expect(fake.calls).toEqual([])
    }).pipe(Effect.provide(NodeContext.layer)))
})
