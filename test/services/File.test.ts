import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as Ids from "../../src/schemas/Ids.js"
import * as File from "../../src/services/File.js"
import * as FileSource from "../../src/services/FileSource.js"

const utf8 = new TextEncoder()
const collect = <E, R>(source: FileSource.Source<E, R>) =>
  source._tag === "Stream"
    ? Effect.map(Stream.runCollect(source.stream), (chunk) => Buffer.concat([...chunk]).toString())
    : Effect.dieMessage(`expected a stream, got ${source._tag}`)
const uploaded = { id: Ids.FileId.make("00000000-0000-4000-8000-000000000001"), sha256: "a".repeat(64), size: 7 }

const inFolder = <A, E, R>(use: (folder: string, fs: FileSystem.FileSystem) => Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    return yield* use(yield* fs.makeTempDirectoryScoped(), fs)
  })).pipe(Effect.provide(NodeContext.layer))

describe("a file as a value", () => {
  it.effect("is plain data: a spread with other attributes is a file too", () =>
    Effect.gen(function*() {
      const spread = { ...File.text("x"), mode: 0o755 }
      expect(File.isFile(spread)).toBe(true)
      expect(yield* FileSource.toContent(spread)).toEqual({
        _tag: "Bytes",
        bytes: utf8.encode("x"),
        size: 1,
        mode: 0o755
      })
      expect({ mode: 0o600, ...File.text("x") }.mode).toBe(0o600)
      expect({ ...File.text("x", { mode: undefined }) }).not.toHaveProperty("mode")
    }))

  it("keeps the attributes it was given", () => {
    const attributes = { uid: 1, gid: 2, mode: 0 }
    for (
      const file of [
        File.text("", attributes),
        File.bytes(new Uint8Array(), attributes),
        File.path("x", attributes),
        File.stream(Stream.empty, attributes),
        File.uploaded(uploaded, attributes),
        File.named(File.text("", attributes), "y")
      ]
    ) expect(file).toMatchObject(attributes)
  })

  it.each([
    ["./a b/c d.txt", "c d.txt"],
    ["x", "x"],
    ["/x/", "x"],
    ["dir/new\nline", "new\nline"],
    ["a\\b", "a\\b"],
    ["C:\\folder\\b", "b"],
    ["\\\\server\\share\\b", "b"],
    ["/", ""]
  ])("the name of the file at %j is %j", (path, name) => {
    expect(File.path(path).name).toBe(name)
  })

  it("is told from other things", () => {
    expect(File.isFile(File.path("x"))).toBe(true)
    for (const other of ["x", new Uint8Array(), null, { _tag: "Text" }]) expect(File.isFile(other)).toBe(false)
  })
})

describe("FileSource.toContent", () => {
  it.effect("bare text and bytes are content", () =>
    Effect.gen(function*() {
      expect(yield* FileSource.toContent("é")).toEqual({ _tag: "Bytes", bytes: utf8.encode("é"), size: 2 })
      const bytes = Uint8Array.of(0, 255)
      expect(yield* FileSource.toContent(bytes)).toEqual({ _tag: "Bytes", bytes, size: 2 })
      expect(yield* FileSource.toContent(File.bytes(bytes, { uid: 3 }))).toEqual({
        _tag: "Bytes",
        bytes,
        size: 2,
        uid: 3
      })
      expect(yield* FileSource.toContent(File.uploaded(uploaded))).toEqual({
        _tag: "Uploaded",
        file: uploaded,
        size: 7
      })
    }))

  it.effect("a stream keeps its error and is read by who runs it", () =>
    Effect.gen(function*() {
      const source = yield* FileSource.toContent(File.stream(Stream.fail("boom" as const), { mode: 0o400 }))
      expect(source).toMatchObject({ _tag: "Stream", size: undefined, digest: undefined, mode: 0o400 })
      expect(yield* Effect.exit(collect(source))).toEqual(Exit.fail("boom"))
    }))

  it.effect.each(
    [
      [0o644, undefined],
      [0o600, undefined],
      [0o755, 0o755],
      [0o700, 0o755],
      [0o611, 0o755]
    ] as const
  )("a local file of mode %o", ([local, mode]) =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        const path = `${folder}/a name\nin two lines`
        const file = File.path(path)
        yield* fs.writeFileString(path, "héllo")
        yield* fs.chmod(path, local)
        const source = yield* FileSource.toContent(file)
        expect(source).toMatchObject({ _tag: "Stream", size: 6, digest: expect.anything() })
        expect(source.mode).toBe(mode)
        if (source._tag !== "Stream" || source.digest === undefined) throw new Error("it can be read again")
        expect(yield* source.digest).toBe(createHash("sha256").update("héllo").digest("hex"))
        // as often as it is sent
        expect(yield* collect(source)).toBe("héllo")
        expect(yield* collect(source)).toBe("héllo")
        // a mode that was given wins, 0 too
        expect((yield* FileSource.toContent(File.path(path, { mode: 0 }))).mode).toBe(0)
      })
    ))

  it.effect("a local file is looked at when it is used, not before", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        const use = FileSource.toContent(File.path(`${folder}/later`))
        const error = yield* Effect.flip(use)
        expect(error).toMatchObject({ _tag: "SystemError", reason: "NotFound" })
        yield* fs.writeFileString(`${folder}/later`, "now")
        expect(yield* Effect.flatMap(use, collect)).toBe("now")
      })
    ))

  it.effect("a file that grows meanwhile is sent as long as was announced", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        yield* fs.writeFileString(`${folder}/log`, "one\n")
        const source = yield* FileSource.toContent(File.path(`${folder}/log`))
        yield* fs.writeFileString(`${folder}/log`, "two\n", { flag: "a" })
        expect(source).toMatchObject({ size: 4 })
        expect(yield* collect(source)).toBe("one\n")
      })
    ))

  it.effect("an empty file, and one whose size the kernel does not know, are read to the end", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        yield* fs.writeFileString(`${folder}/empty`, "")
        expect(yield* Effect.flatMap(FileSource.toContent(File.path(`${folder}/empty`)), collect)).toBe("")
        const source = yield* FileSource.toContent(File.path("/proc/self/status"))
        expect(source).toMatchObject({ size: undefined })
        expect(yield* collect(source)).toMatch(/^Name:/)
      })
    ))

  it.effect("follows a symbolic link; a folder is refused with what to do", () =>
    inFolder((folder, fs) =>
      Effect.gen(function*() {
        yield* fs.writeFileString(`${folder}/f`, "x")
        yield* fs.symlink("f", `${folder}/link`)
        expect(yield* Effect.flatMap(FileSource.toContent(File.path(`${folder}/link`)), collect)).toBe("x")
        const error = yield* Effect.flip(FileSource.toContent(File.path(folder)))
        expect(error).toMatchObject({ _tag: "SystemError", reason: "BadResource", pathOrDescriptor: folder })
        expect(error.message).toMatch(/folder.*tar/)
      })
    ))

  it.effect("a named pipe can be read once and has no size", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        execFileSync("mkfifo", [`${folder}/pipe`])
        expect(yield* FileSource.toContent(File.path(`${folder}/pipe`))).toMatchObject({
          size: undefined,
          digest: undefined
        })
      })
    ))
})
