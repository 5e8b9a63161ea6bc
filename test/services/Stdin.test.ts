import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Stdin from "../../src/services/Stdin.js"

const collect = <E, R>(stream: Stream.Stream<Uint8Array, E, R>) =>
  Effect.map(Stream.runCollect(stream), (chunk) => new Uint8Array(Buffer.concat([...chunk])))
const utf8 = new TextEncoder()

describe("Stdin.file", () => {
  it.scoped("reads the file when it is run, and again when it is run again", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* fs.makeTempDirectoryScoped()}/a name\nin two lines`
      const stdin = Stdin.file(path)
      const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => i % 256)
      yield* fs.writeFile(path, bytes)
      expect(Buffer.from(yield* collect(stdin)).equals(bytes)).toBe(true)
      yield* fs.writeFileString(path, "")
      expect(yield* collect(stdin)).toEqual(new Uint8Array())
    }).pipe(Effect.provide(NodeContext.layer)))

  it.effect("fails with what the file system says", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(collect(Stdin.file("/no/such/file")))
      expect(error).toMatchObject({ _tag: "SystemError", reason: "NotFound" })
      expect(error.message).toContain("/no/such/file")
    }).pipe(Effect.provide(NodeContext.layer)))
})

describe("the forms of stdin", () => {
  it.effect("are all the same bytes", () =>
    Effect.gen(function*() {
      const text = "é\n🙂"
      const forms: ReadonlyArray<Stdin.Stdin> = [text, utf8.encode(text), Stream.succeed(utf8.encode(text))]
      for (const stdin of forms) expect(yield* Stdin.collect("test", stdin)).toEqual(utf8.encode(text))
      const empty: ReadonlyArray<Stdin.Stdin> = ["", new Uint8Array(), Stream.empty]
      for (const stdin of empty) expect(yield* Stdin.collect("test", stdin)).toEqual(new Uint8Array())
    }))

  it.effect("more than a request can carry is refused, a stream without end as soon as it is", () =>
    Effect.gen(function*() {
      const piece = new Uint8Array(1024 * 1024)
      const forms: ReadonlyArray<Stdin.Stdin> = [new Uint8Array(64 * 1024 * 1024 + 1), Stream.repeatValue(piece)]
      for (const stdin of forms) {
        expect(yield* Effect.flip(Stdin.collect("test", stdin))).toMatchObject({
          _tag: "InvalidArgumentError",
          argument: "stdin"
        })
      }
    }))
})
