import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { DateTime, Effect, Option, Stream } from "effect"
import { Image, Images } from "effect-contree"
import type { Wire } from "effect-contree"
import { inspect } from "node:util"
import { imageId, makeFake, withFake } from "../support/fakeApi.js"

const item = (path: string, is: Partial<Wire.FileItem> = {}): Wire.FileItem => ({
  size: 5,
  path,
  owner: "root",
  group: 0,
  uid: 0,
  gid: 0,
  mode: 0o100644,
  mtime: 1_700_000_000,
  nlink: 2,
  is_dir: false,
  is_regular: false,
  is_symlink: false,
  is_socket: false,
  is_fifo: false,
  symlink_to: "",
  ...is
})

const items = [
  item("-a b\né", { is_regular: true, mode: 0o104755 }),
  item("d", { is_dir: true, mode: 0o040755 }),
  item("to folder", { is_symlink: true, symlink_to: "d", mode: 0o120777 }),
  item("fifo", { is_fifo: true, mode: 0o010644 }),
  item("socket", { is_socket: true, mode: 0o140644 }),
  item("null", { mode: 0o020666 }),
  item("disk", { mode: 0o060660 })
]

/** an image by a tag, in whose folders there is always the same, and which files ended up where */
const listed = (given: ReadonlyArray<Wire.FileItem> = items) =>
  Effect.gen(function*() {
    const fake = makeFake()
    fake.tags.set("t", imageId(1))
    const asked: Array<readonly [string, string]> = []
    const api = {
      ...fake.api,
      listDirectory: (id: string, path: string) => {
        asked.push([id, path])
        return Effect.succeed({ path, files: given })
      }
    }
    const image = yield* Effect.flatMap(Images.Images, (images) => images.use("tag:t")).pipe(
      Effect.provide(withFake({ ...fake, api }))
    )
    return { image, fake, asked }
  })

describe("what is in a folder", () => {
  it.effect("is of a kind, and has all that the service said", () =>
    Effect.gen(function*() {
      const { image } = yield* listed()
      const entries = yield* image.ls("/tmp")
      expect(entries.map(({ _tag, type }) => [_tag, type])).toEqual([
        ["File", "File"],
        ["Directory", "Directory"],
        ["Symlink", "SymbolicLink"],
        ["Other", "FIFO"],
        ["Other", "Socket"],
        ["Other", "CharacterDevice"],
        ["Other", "BlockDevice"]
      ])
      expect({ ...entries[0] }).toEqual({
        _tag: "File",
        type: "File",
        name: "-a b\né",
        path: "/tmp/-a b\né",
        size: 5n,
        mode: 0o4755,
        uid: 0,
        gid: 0,
        owner: "root",
        group: "0",
        mtime: DateTime.unsafeMake(1_700_000_000_000),
        nlink: 2,
        symlinkTo: Option.none()
      })
      expect(entries[2]?.symlinkTo).toEqual(Option.some("d"))
    }))

  it.effect("is readable in a log", () =>
    Effect.gen(function*() {
      const { image } = yield* listed()
      const [file, folder, link] = yield* image.ls()
      expect(JSON.parse(JSON.stringify([file, folder, link]))).toMatchObject([
        { _id: "ImageFile", _tag: "File", path: "/-a b\né", size: 5, mode: "04755", mtime: "2023-11-14T22:13:20.000Z" },
        { _id: "ImageDirectory", _tag: "Directory", path: "/d" },
        { _id: "ImageFile", _tag: "Symlink", symlinkTo: "d" }
      ])
      expect(inspect(file)).toContain("path: '/-a b\\né'")
      expect(inspect(file, { depth: 9 })).not.toContain("token-of-the-tests")
      expect(file?.pipe((entry) => entry.name)).toBe("-a b\né")
    }))

  it.effect("reads itself from the image that was listed, though its tag has moved on", () =>
    Effect.gen(function*() {
      const { asked, fake, image } = yield* listed()
      const [file, folder] = yield* image.ls("/tmp/")
      fake.tags.set("t", imageId(2))
      if (file?._tag !== "File" || folder?._tag !== "Directory") throw new Error("unreachable")
      expect((yield* file.read).length).toBe(6)
      expect(yield* file.readText()).toBe("héllo")
      expect(yield* file.readText("latin1")).toBe("hÃ©llo")
      expect(yield* Stream.runCount(file.readStream)).toBe(2)
      expect(fake.named("downloadFile").map(({ args }) => args)).toEqual(
        Array.from({ length: 4 }, () => [imageId(1), "/tmp/-a b\né"])
      )
      yield* folder.ls()
      const [below] = yield* folder.ls("sub/x")
      expect(below?.path).toBe("/tmp/d/sub/x/-a b\né")
      expect(asked).toEqual([
        [imageId(1), "/tmp/"],
        [imageId(1), "/tmp/d"],
        [imageId(1), "/tmp/d/sub/x"]
      ])
    }))

  it.effect("downloads itself", () =>
    Effect.gen(function*() {
      const { image } = yield* listed()
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const [file] = yield* image.ls("/tmp")
      const path = file?._tag === "File" ? yield* file.download({ to: folder }) : ""
      expect(path).toBe(`${folder}/-a b\né`)
      expect(yield* fs.readFileString(path)).toBe("héllo")
    }).pipe(Effect.scoped, Effect.provide(NodeContext.layer)))
})

describe("an image as a file system", () => {
  it.effect("looks at things, links followed or not", () =>
    Effect.gen(function*() {
      const { asked, image } = yield* listed([
        ...items,
        item("loop", { is_symlink: true, symlink_to: "loop" }),
        item("up", { is_symlink: true, symlink_to: "/d/../-a b\né" })
      ])
      const fs = Image.fileSystem(image)
      expect(yield* fs.stat("/tmp/-a b\né")).toMatchObject({ type: "File", mode: 0o104755, size: 5n })
      expect(asked).toEqual([[imageId(1), "/tmp/"]])
      expect((yield* fs.stat("/to folder")).type).toBe("Directory")
      expect((yield* fs.stat("up")).type).toBe("File")
      expect((yield* fs.stat("/")).type).toBe("Directory")
      expect((yield* fs.stat("/d/d/../fifo")).type).toBe("FIFO")
      expect(yield* fs.readLink("/d/to folder/")).toBe("d")
      expect(yield* fs.realPath("/d/to folder/../up")).toBe("/-a b\né")
      expect(yield* Effect.flip(fs.stat("/loop"))).toMatchObject({ reason: "BadResource" })
      expect(yield* Effect.flip(fs.stat("/no"))).toMatchObject({ reason: "NotFound", pathOrDescriptor: "/no" })
      expect(yield* Effect.flip(fs.readLink("/d"))).toMatchObject({ reason: "BadResource" })
    }))

  it.effect("exists, access: by one look, or two", () =>
    Effect.gen(function*() {
      const { image } = yield* listed()
      const fs = Image.fileSystem(image)
      expect(yield* Effect.all(["/file", "/folder", "/fifo", "/none"].map((path) => fs.exists(path)))).toEqual([
        true,
        true,
        true,
        false
      ])
      yield* fs.access("/file", { readable: true })
      expect(yield* Effect.flip(fs.access("/file", { writable: true }))).toMatchObject({ reason: "PermissionDenied" })
    }))

  it.effect("reads folders, also all that is below them; a link is not followed", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const folders: Record<string, ReadonlyArray<Wire.FileItem>> = {
        "/": [item("a", { is_dir: true }), item("l", { is_symlink: true, symlink_to: "a" })],
        "/a": [item("b", { is_dir: true }), item("f", { is_regular: true })],
        "/a/b": [item("g", { is_regular: true })]
      }
      const api = {
        ...fake.api,
        listDirectory: (_: string, path: string) =>
          Effect.succeed({ path, files: folders[path.replace(/(.)\/$/, "$1")]! })
      }
      const image = yield* Effect.flatMap(Images.Images, (images) => images.use(imageId(1))).pipe(
        Effect.provide(withFake({ ...fake, api }))
      )
      const fs = Image.fileSystem(image)
      expect(yield* fs.readDirectory("/a/")).toEqual(["b", "f"])
      expect(yield* fs.readDirectory("/", { recursive: true })).toEqual(["a", "l", "a/b", "a/f", "a/b/g"])
    }))

  it.effect("reads files whole, as text, as a stream, in part", () =>
    Effect.gen(function*() {
      const { fake, image } = yield* listed()
      const fs = Image.fileSystem(image)
      const text = (options?: FileSystem.StreamOptions) =>
        fs.stream("/f", options).pipe(Stream.runCollect, Effect.map((pieces) => [...pieces].map((b) => String(b))))
      expect(yield* fs.readFileString("/f")).toBe("héllo")
      expect((yield* fs.readFile("/f")).length).toBe(6)
      expect(yield* text()).toEqual(["104,195,169", "108,108,111"])
      expect(yield* text({ offset: 2, bytesToRead: 3 })).toEqual(["169", "108,108"])
      expect(yield* text({ offset: 9 })).toEqual([])
      expect(yield* text({ bytesToRead: 0 })).toEqual([])
      expect(yield* text({ chunkSize: 2 })).toEqual(["104,195", "169", "108,108", "111"])
      expect(fake.named("downloadFile").length).toBe(6)
    }))

  it.effect("opens a file: forward in one download, back in another", () =>
    Effect.gen(function*() {
      const { fake, image } = yield* listed()
      const file = yield* Image.fileSystem(image).open("/f")
      const take = (size: number) => Effect.map(file.readAlloc(size), Option.map((bytes) => String(bytes)))
      expect(yield* take(2)).toEqual(Option.some("104,195"))
      yield* file.seek(1, "current")
      expect(yield* take(9)).toEqual(Option.some("108,108,111"))
      expect(yield* take(1)).toEqual(Option.none())
      expect(fake.named("downloadFile").length).toBe(1)
      yield* file.seek(1, "start")
      const buffer = new Uint8Array(3)
      expect(yield* file.read(buffer)).toBe(3n)
      expect([...buffer]).toEqual([195, 169, 108])
      yield* file.seek(100, "start")
      expect(yield* take(1)).toEqual(Option.none())
      expect(fake.named("downloadFile").length).toBe(2)
      for (const write of [file.write(buffer), file.writeAll(buffer), file.truncate()]) {
        expect(yield* Effect.flip(write)).toMatchObject({ reason: "PermissionDenied" })
      }
    }).pipe(Effect.scoped))

  it.effect("writes nothing, and says what to do instead", () =>
    Effect.gen(function*() {
      const { asked, fake, image } = yield* listed()
      const fs = Image.fileSystem(image)
      const bytes = new Uint8Array(1)
      const uses: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        fs.chmod("/f", 0),
        fs.chown("/f", 0, 0),
        fs.copy("/f", "/g"),
        fs.copyFile("/f", "/g"),
        fs.link("/f", "/g"),
        fs.makeDirectory("/g"),
        fs.makeTempDirectory(),
        Effect.scoped(fs.makeTempDirectoryScoped()),
        fs.makeTempFile(),
        Effect.scoped(fs.makeTempFileScoped()),
        Effect.scoped(fs.open("/f", { flag: "w" })),
        fs.remove("/f"),
        fs.rename("/f", "/g"),
        Stream.run(Stream.make(bytes), fs.sink("/f")),
        fs.symlink("/f", "/g"),
        fs.truncate("/f"),
        fs.utimes("/f", 0, 0),
        fs.writeFile("/f", bytes),
        fs.writeFileString("/f", "x")
      ]
      for (const use of uses) {
        expect(yield* Effect.flip(use)).toMatchObject({
          _tag: "SystemError",
          reason: "PermissionDenied",
          message: expect.stringContaining("image.applyFiles")
        })
      }
      expect(yield* Effect.flip(Stream.runDrain(fs.watch("/")))).toMatchObject({ reason: "BadResource" })
      expect([...asked, ...fake.calls]).toEqual([])
    }))

  it.effect("says what the service said, in the platform's words", () =>
    Effect.gen(function*() {
      const { fake, image } = yield* listed()
      const fs = Image.fileSystem(image)
      expect(yield* Effect.flip(fs.readFile("/a\0"))).toMatchObject({ _tag: "BadArgument" })
      fake.tags.clear()
      const error = yield* Effect.flip(fs.readFile("/f"))
      expect(error).toMatchObject({
        _tag: "SystemError",
        reason: "NotFound",
        method: "readFile",
        pathOrDescriptor: "/f"
      })
      expect(yield* Effect.flip(Effect.scoped(fs.open("/f")))).toMatchObject({ reason: "NotFound", method: "open" })
      expect(JSON.stringify(error) + inspect(error)).not.toContain("token-of-the-tests")
    }))
})
