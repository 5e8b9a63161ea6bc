import { FileSystem, Path } from "@effect/platform"
import { SystemError } from "@effect/platform/Error"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, DateTime, Deferred, Effect, Either, Exit, FastCheck, Fiber, Layer, Stream } from "effect"
import { inspect } from "node:util"
import * as Output from "../../src/services/Output.js"
import { anyText } from "../schemas/anyText.js"

const utf8 = new TextEncoder()
const at = DateTime.unsafeMake(0)
const concat = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(pieces.flatMap((piece) => [...piece]))
const bytesArbitrary = FastCheck.oneof(
  FastCheck.uint8Array({ maxLength: 40 }),
  anyText.map((text) => utf8.encode(text))
)

describe("Captured", () => {
  it("joins the pieces, decodes once, and keeps every character", () => {
    const captured = Output.makeCaptured([
      utf8.encode("\ufeffé"),
      utf8.encode("🙂").slice(0, 2),
      utf8.encode("🙂").slice(2)
    ], false)
    expect(captured.text).toBe("\ufeffé🙂")
    expect(captured.textStrict).toEqual(Either.right("\ufeffé🙂"))
    expect(captured.bytes).toEqual(utf8.encode("\ufeffé🙂"))
    expect(captured.textStrict).toBe(captured.textStrict)
  })

  it("is the bytes it was made of, and textStrict is right exactly when nothing was lost", () => {
    FastCheck.assert(FastCheck.property(FastCheck.array(bytesArbitrary), FastCheck.boolean(), (pieces, truncated) => {
      const captured = Output.makeCaptured(pieces, truncated)
      expect(captured.bytes).toEqual(concat(pieces))
      expect(captured.truncated).toBe(truncated)
      const exact = Buffer.from(captured.text).equals(captured.bytes)
      expect(Either.isRight(captured.textStrict)).toBe(exact)
    }))
  })

  it("says why the bytes are no text, and what to do", () => {
    const broken = Output.makeCaptured([utf8.encode("é").slice(0, 1)], true)
    expect(broken.text).toBe("\ufffd")
    const error = Either.getOrThrow(Either.flip(broken.textStrict))
    expect(error._tag).toBe("DecodeError")
    expect(error.message).toMatch(/truncateOutputAt/)
    const binary = Output.makeCaptured([Uint8Array.of(0xff)], false)
    expect(Either.getOrThrow(Either.flip(binary.textStrict)).message).not.toMatch(/truncateOutputAt/)
  })

  it("is readable in a log", () => {
    const captured = Output.makeCaptured([utf8.encode("hi")], true)
    expect(JSON.parse(JSON.stringify(captured))).toEqual({ _id: "Captured", size: 2, text: "hi", truncated: true })
    expect(String(captured)).toBe("hi")
    expect(inspect(captured)).toContain("text: 'hi'")
    expect(Output.makeCaptured([], false).text).toBe("")
  })
})

describe("pieces and views", () => {
  it("the texts of each stream joined are the text of the whole, however characters are cut", () => {
    const cuts = FastCheck.array(FastCheck.tuple(FastCheck.boolean(), FastCheck.integer({ min: 1, max: 3 })))
    FastCheck.assert(FastCheck.property(anyText, cuts, (text, plan) => {
      const make = Output.makePieces()
      const whole = utf8.encode(text)
      const offset = { Stdout: 0, Stderr: 0 }
      const joined = { Stdout: "", Stderr: "" }
      const take = (tag: "Stdout" | "Stderr", size: number): void => {
        const piece = make(tag, whole.subarray(offset[tag], offset[tag] + size), at)
        expect(piece._tag).toBe(tag)
        offset[tag] += size
        joined[tag] += piece.text
      }
      for (const [first, size] of plan) take(first ? "Stdout" : "Stderr", size)
      take("Stdout", Infinity)
      take("Stderr", Infinity)
      expect(joined).toEqual({ Stdout: text, Stderr: text })
    }))
  })

  it.effect("a view has the bytes of its side in order, and its chunks stay whole", () =>
    Effect.gen(function*() {
      const make = Output.makePieces()
      const all = Array.from({ length: 2000 }, (_, i) =>
        make(i % 3 === 0 ? "Stderr" : "Stdout", Uint8Array.of(i % 256), at))
      const source = Stream.fromChunks(
        Chunk.unsafeFromArray(all.slice(0, 1000)),
        Chunk.unsafeFromArray(all.slice(1000))
      )
      const chunks = yield* source.pipe(Output.stdout, Stream.chunks, Stream.runCollect)
      expect(Chunk.size(chunks)).toBe(2)
      const ofTag = (tag: string) =>
        all.filter((out) => out._tag === tag).map((out) => out.bytes)
      expect(Chunk.toReadonlyArray(Chunk.flatten(chunks))).toEqual(ofTag("Stdout"))
      expect(Chunk.toReadonlyArray(yield* Stream.runCollect(Output.stderr(source)))).toEqual(ofTag("Stderr"))
    }))

  it.effect("an error stays one", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Stream.runCollect(Output.stdout(Stream.fail("boom"))))
      expect(exit).toEqual(Exit.fail("boom"))
    }))
})

// ---------------------------------------------------------------------------------------------------------- to file

const inFolder = <A, E, R>(
  use: (folder: string, fs: FileSystem.FileSystem) => Effect.Effect<A, E, R>
) =>
  Effect.scoped(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    return yield* use(yield* fs.makeTempDirectoryScoped(), fs)
  })).pipe(Effect.provide(NodeContext.layer))

const texts = (...all: ReadonlyArray<string>) => Stream.fromIterable(all).pipe(Stream.rechunk(1), Stream.encodeText)

/** The same file system with some methods replaced. */
const patched = (patch: (real: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>) =>
  Layer.effect(FileSystem.FileSystem, Effect.map(FileSystem.FileSystem, (real) => ({ ...real, ...patch(real) })))

const systemError = (reason: SystemError["reason"], method: string) =>
  new SystemError({ reason, module: "FileSystem", method, pathOrDescriptor: "?" })

describe("Output.toFile", () => {
  it.effect.each([
    "plain.txt",
    "with spaces",
    "with\nnewline",
    "-rf",
    "日本語",
    "a\\b",
    "quote's \"and\" $HOME",
    "x".repeat(255)
  ])(
    "writes everything to %j and leaves nothing else behind",
    (name) =>
      inFolder((folder, fs) =>
        Effect.gen(function*() {
          yield* Stream.run(texts("a", "", "é", "\n"), Output.toFile(`${folder}/${name}`))
          expect(yield* fs.readFileString(`${folder}/${name}`)).toBe("aé\n")
          expect(yield* fs.readDirectory(folder)).toEqual([name])
        })
      )
  )

  it.effect("writes an empty file for an empty stream, and a large one whole", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        yield* Stream.run(Stream.empty, Output.toFile(`${folder}/empty`))
        expect((yield* fs.readFile(`${folder}/empty`)).length).toBe(0)
        const block = Uint8Array.from({ length: 65_537 }, (_, i) => i % 251)
        yield* Stream.run(Stream.repeatValue(block).pipe(Stream.take(80)), Output.toFile(`${folder}/large`))
        const read = Buffer.from(yield* fs.readFile(`${folder}/large`))
        expect(read.equals(Buffer.concat(Array.from({ length: 80 }, () => block)))).toBe(true)
        expect((yield* fs.readDirectory(folder)).sort()).toEqual(["empty", "large"])
      })
    ))

  it.effect("takes a path without a folder", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        const path = yield* Path.Path
        const relative = path.relative(process.cwd(), `${folder}/x`)
        yield* Stream.run(texts("a"), Output.toFile(relative))
        expect(yield* fs.readFileString(`${folder}/x`)).toBe("a")
      })
    ))

  it.effect("refuses a file that is there, before it reads a byte", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        yield* fs.writeFileString(`${folder}/f`, "old")
        let pulled = false
        const source = Stream.sync(() => {
          pulled = true
          return utf8.encode("new")
        })
        const error = yield* Effect.flip(Stream.run(source, Output.toFile(`${folder}/f`)))
        expect(error).toMatchObject({ _tag: "SystemError", reason: "AlreadyExists", pathOrDescriptor: `${folder}/f` })
        expect(error.message).toMatch(/overwrite: true/)
        expect(pulled).toBe(false)
        expect(yield* fs.readFileString(`${folder}/f`)).toBe("old")
        expect(yield* fs.readDirectory(folder)).toEqual(["f"])
      })
    ))

  it.effect("refuses, at the end, a file that came meanwhile", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        const source = Stream.concat(texts("new"), Stream.execute(fs.writeFileString(`${folder}/f`, "theirs")))
        const error = yield* Effect.flip(Stream.run(source, Output.toFile(`${folder}/f`)))
        expect(error).toMatchObject({ reason: "AlreadyExists", pathOrDescriptor: `${folder}/f` })
        expect(yield* fs.readFileString(`${folder}/f`)).toBe("theirs")
        expect(yield* fs.readDirectory(folder)).toEqual(["f"])
      })
    ))

  it.effect("replaces a file at once and at the end, and keeps its permission bits", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        yield* fs.writeFileString(`${folder}/f`, "old")
        yield* fs.chmod(`${folder}/f`, 0o640)
        const seen = yield* Deferred.make<string>()
        const source = Stream.concat(
          texts("new"),
          Stream.execute(Effect.flatMap(fs.readFileString(`${folder}/f`), (text) => Deferred.succeed(seen, text)))
        )
        yield* Stream.run(source, Output.toFile(`${folder}/f`, { overwrite: true }))
        expect(yield* Deferred.await(seen)).toBe("old")
        expect(yield* fs.readFileString(`${folder}/f`)).toBe("new")
        expect((yield* fs.stat(`${folder}/f`)).mode & 0o777).toBe(0o640)
        expect(yield* fs.readDirectory(folder)).toEqual(["f"])
      })
    ))

  it.effect("follows a symbolic link instead of replacing it", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        yield* fs.makeDirectory(`${folder}/other`)
        yield* fs.writeFileString(`${folder}/other/f`, "old")
        yield* fs.symlink("other/f", `${folder}/link`)
        yield* Stream.run(texts("new"), Output.toFile(`${folder}/link`, { overwrite: true }))
        expect(yield* fs.readFileString(`${folder}/other/f`)).toBe("new")
        expect(yield* fs.readLink(`${folder}/link`)).toBe("other/f")
        expect(yield* fs.readDirectory(`${folder}/other`)).toEqual(["f"])
        yield* fs.symlink("nowhere", `${folder}/dangling`)
        const error = yield* Effect.flip(Stream.run(texts("new"), Output.toFile(`${folder}/dangling`)))
        expect(error).toMatchObject({ reason: "AlreadyExists" })
        expect((yield* fs.readDirectory(folder)).sort()).toEqual(["dangling", "link", "other"])
      })
    ))

  it.effect("writes to a device and leaves it one; a full one is an error", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        yield* Stream.run(texts("new"), Output.toFile("/dev/null", { overwrite: true }))
        expect((yield* fs.stat("/dev/null")).type).toBe("CharacterDevice")
        yield* fs.symlink("/dev/full", `${folder}/full`)
        const error = yield* Effect.flip(Stream.run(texts("new"), Output.toFile(`${folder}/full`, { overwrite: true })))
        expect(error.message).toMatch(/ENOSPC|no space/i)
      })
    ))

  it.effect("refuses a folder, and a folder that is missing, by the name it was given", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        for (const overwrite of [true, false]) {
          const isFolder = yield* Effect.flip(Stream.run(texts("a"), Output.toFile(folder, { overwrite })))
          expect(isFolder).toMatchObject({ reason: "BadResource", pathOrDescriptor: folder })
          const missing = yield* Effect.flip(Stream.run(texts("a"), Output.toFile(`${folder}/no/f`, { overwrite })))
          expect(missing).toMatchObject({ reason: "NotFound", pathOrDescriptor: `${folder}/no/f` })
        }
      })
    ))

  it.effect.each([true, false])(
    "a source that fails leaves things as they were (there before: %s)",
    (before) =>
      inFolder((folder, fs) =>
        Effect.gen(function*() {
          if (before) yield* fs.writeFileString(`${folder}/f`, "old")
          const listed = yield* fs.readDirectory(folder)
          const exit = yield* Effect.exit(
            Stream.run(
              Stream.concat(texts("new"), Stream.fail("boom")),
              Output.toFile(`${folder}/f`, { overwrite: before })
            )
          )
          expect(exit).toEqual(Exit.fail("boom"))
          expect(yield* fs.readDirectory(folder)).toEqual(listed)
          if (before) expect(yield* fs.readFileString(`${folder}/f`)).toBe("old")
        })
      )
  )

  it.effect("an interruption between two pieces leaves things as they were", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        const written = yield* Deferred.make<ReadonlyArray<string>>()
        const source = Stream.concat(
          texts("new"),
          Stream.execute(
            Effect.zipRight(
              Effect.flatMap(fs.readDirectory(folder), (names) => Deferred.succeed(written, names)),
              Effect.never
            )
          )
        )
        const fiber = yield* Effect.fork(Stream.run(source, Output.toFile(`${folder}/f`)))
        // the temporary file is there, beside the target
        expect(yield* Deferred.await(written)).toEqual([expect.stringMatching(/^\.part-[0-9a-f]+$/)])
        yield* Fiber.interrupt(fiber)
        expect(yield* fs.readDirectory(folder)).toEqual([])
      })
    ))

  it.effect.each(["open", "rename"] as const)(
    "an interruption during %s leaves all or nothing",
    (method) =>
      inFolder((folder, fs) =>
        Effect.gen(function*() {
          const began = yield* Deferred.make<void>()
          const goOn = yield* Deferred.make<void>()
          const stop = Deferred.succeed(began, undefined).pipe(Effect.zipRight(Deferred.await(goOn)))
          const slow = patched((real) =>
            method === "open"
              ? { open: (path, options) => Effect.zipLeft(real.open(path, options), stop) }
              : { rename: (from, to) => Effect.zipRight(stop, real.rename(from, to)) }
          )
          const sink = Output.toFile(`${folder}/f`, { overwrite: true })
          const fiber = yield* Effect.fork(Effect.provide(Stream.run(texts("new"), sink), slow))
          yield* Deferred.await(began)
          const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
          yield* Effect.yieldNow()
          yield* Deferred.succeed(goOn, undefined)
          yield* Fiber.join(interrupting)
          expect(yield* fs.readDirectory(folder)).toEqual(method === "open" ? [] : ["f"])
        })
      )
  )

  it.effect("a full disk leaves things as they were", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        const full = patched((real) => ({
          open: (path, options) =>
            Effect.map(real.open(path, options), (file) =>
              new Proxy(file, {
                get: (target, key) =>
                  key === "writeAll"
                    ? () => Effect.fail(systemError("Unknown", "writeAll"))
                    : Reflect.get(target, key)
              }))
        }))
        const exit = yield* Stream.run(texts("new"), Output.toFile(`${folder}/f`)).pipe(
          Effect.provide(full),
          Effect.exit
        )
        expect(exit).toEqual(Exit.fail(systemError("Unknown", "writeAll")))
        expect(yield* fs.readDirectory(folder)).toEqual([])
      })
    ))

  it.effect("a rename that fails leaves things as they were, and the error names the file", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        yield* fs.writeFileString(`${folder}/f`, "old")
        const broken = patched(() => ({ rename: () => Effect.fail(systemError("PermissionDenied", "rename")) }))
        const error = yield* Stream.run(texts("new"), Output.toFile(`${folder}/f`, { overwrite: true })).pipe(
          Effect.provide(broken),
          Effect.flip
        )
        expect(error).toMatchObject({ reason: "PermissionDenied", pathOrDescriptor: `${folder}/f` })
        expect(yield* fs.readFileString(`${folder}/f`)).toBe("old")
        expect(yield* fs.readDirectory(folder)).toEqual(["f"])
      })
    ))

  it.effect("does without hard links where the file system has none, and still refuses what is there", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        const noLinks = patched(() => ({ link: () => Effect.fail(systemError("PermissionDenied", "link")) }))
        yield* Effect.provide(Stream.run(texts("new"), Output.toFile(`${folder}/f`)), noLinks)
        expect(yield* fs.readFileString(`${folder}/f`)).toBe("new")
        const source = Stream.concat(texts("new"), Stream.execute(fs.writeFileString(`${folder}/g`, "theirs")))
        const error = yield* Effect.flip(Effect.provide(Stream.run(source, Output.toFile(`${folder}/g`)), noLinks))
        expect(error).toMatchObject({ reason: "AlreadyExists" })
        expect(yield* fs.readFileString(`${folder}/g`)).toBe("theirs")
        expect((yield* fs.readDirectory(folder)).sort()).toEqual(["f", "g"])
      })
    ))

  it.effect("many at once into one folder do not meet", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        const names = Array.from({ length: 40 }, (_, i) => `f${i}`)
        yield* Effect.forEach(names, (name) => Stream.run(texts(name), Output.toFile(`${folder}/${name}`)), {
          concurrency: "unbounded"
        })
        expect(yield* Effect.forEach(names, (name) => fs.readFileString(`${folder}/${name}`))).toEqual(names)
        expect((yield* fs.readDirectory(folder)).length).toBe(40)
      })
    ))
})
