import type { Path } from "@effect/platform"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Logger, Scope, Stream } from "effect"
import { Errors } from "effect-contree"
import type { Image } from "effect-contree"
import type { Service } from "../../src/services/ContreeApi.js"
import { imageOf, makeFake } from "../support/fakeApi.js"
import { entry, pax, tar } from "../support/tar.js"
import type { TarMember } from "../support/tar.js"

const utf8 = new TextEncoder()

/** an image whose requests are answered so, the folder to download to, and what was asked */
const inFolder = <A, E>(
  answers: Partial<Service>,
  use: (image: Image.Image, folder: string, fs: FileSystem.FileSystem, asked: ReadonlyArray<string>) => Effect.Effect<
    A,
    E,
    FileSystem.FileSystem | Path.Path | Scope.Scope
  >
) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped()
    const asked: Array<string> = []
    const noted = Object.fromEntries(
      Object.entries(answers).map(([method, answer]) => [
        method,
        (...args: ReadonlyArray<unknown>) => {
          asked.push(method)
          // the methods differ in their arguments: only as a plain function can one stand for all
          const plain: (...args: ReadonlyArray<never>) => unknown = answer as (...args: ReadonlyArray<never>) => unknown
          return Reflect.apply(plain, undefined, args)
        }
      ])
    )
    const fake = makeFake()
    const image = yield* imageOf({ ...fake, api: { ...fake.api, ...noted } })
    return yield* use(image, folder, fs, asked)
  }).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

const saying = (...pieces: ReadonlyArray<string>): Partial<Service> => ({
  downloadFile: () => Stream.fromIterable(pieces.map((piece) => utf8.encode(piece)))
})

const archiveOf = (...members: ReadonlyArray<TarMember | Uint8Array>): Partial<Service> => ({
  archive: () => Stream.succeed(tar(...members))
})

/** everything below a folder, links not followed */
const tree = (fs: FileSystem.FileSystem, folder: string): Effect.Effect<Record<string, string>, unknown> =>
  Effect.gen(function*() {
    const found: Record<string, string> = {}
    for (const name of (yield* fs.readDirectory(folder)).sort()) {
      const path = `${folder}/${name}`
      const link = yield* Effect.option(fs.readLink(path))
      if (link._tag === "Some") found[name] = `-> ${link.value}`
      else if ((yield* fs.stat(path)).type === "Directory") {
        for (const [below, what] of Object.entries(yield* tree(fs, path))) found[`${name}/${below}`] = what
        found[name] = "folder"
      } else found[name] = yield* fs.readFileString(path)
    }
    return found
  })

describe("download", () => {
  it.effect("to a file, into a folder, into a path that ends so; gives the path", () =>
    inFolder(saying("hé", "llo"), (image, folder, fs) =>
      Effect.gen(function*() {
        yield* fs.makeDirectory(`${folder}/sub`)
        expect(yield* image.download("/etc/hosts", { to: `${folder}/h` })).toBe(`${folder}/h`)
        expect(yield* image.download("etc/-a b", { to: folder })).toBe(`${folder}/-a b`)
        expect(yield* image.download("/etc/é\n", { to: `${folder}/sub/` })).toBe(`${folder}/sub/é\n`)
        expect(yield* tree(fs, folder)).toEqual({
          h: "héllo",
          "-a b": "héllo",
          sub: "folder",
          "sub/é\n": "héllo"
        })
      })))

  it.effect("refuses what is there before it asks, and what came meanwhile at the end", () =>
    inFolder(saying("new"), (image, folder, fs, asked) =>
      Effect.gen(function*() {
        yield* fs.writeFileString(`${folder}/f`, "old")
        yield* fs.symlink("nowhere", `${folder}/dangling`)
        for (const name of ["f", "dangling"]) {
          expect(yield* Effect.flip(image.download("/f", { to: `${folder}/${name}` }))).toMatchObject({
            _tag: "SystemError",
            reason: "AlreadyExists",
            method: "Image.download",
            pathOrDescriptor: `${folder}/${name}`
          })
        }
        expect(asked).toEqual([])
        yield* image.download("/f", { to: `${folder}/f`, overwrite: true })
        expect(yield* tree(fs, folder)).toEqual({ f: "new", dangling: "-> nowhere" })
        const meanwhile = yield* imageOf({
          ...makeFake(),
          api: {
            ...makeFake().api,
            downloadFile: () => Stream.execute(Effect.orDie(fs.writeFileString(`${folder}/g`, "theirs")))
          }
        })
        expect(yield* Effect.flip(meanwhile.download("/g", { to: folder }))).toMatchObject({ reason: "AlreadyExists" })
        expect(yield* tree(fs, folder)).toEqual({ f: "new", g: "theirs", dangling: "-> nowhere" })
      })))

  it.effect("says what is wrong with a path, before it asks", () =>
    inFolder(saying("x"), (image, folder, fs, asked) =>
      Effect.gen(function*() {
        for (const path of ["/", "", "/etc/", "/etc/.", "/etc/.."]) {
          expect(yield* Effect.flip(image.download(path, { to: folder }))).toMatchObject({
            _tag: "InvalidArgumentError",
            argument: "path"
          })
        }
        expect(yield* Effect.flip(image.download("/a\0", { to: folder }))).toMatchObject({ argument: "path" })
        expect(yield* Effect.flip(image.download("/a", { to: "" }))).toMatchObject({ argument: "to" })
        for (const to of [`${folder}/no/f`, `${folder}/no/`]) {
          const missing = yield* Effect.flip(image.download("/f", { to }))
          expect(missing).toMatchObject({ reason: "NotFound" })
          expect(missing.message).toContain("the folder it goes into is not there")
        }
        expect(asked).toEqual([])
        expect(yield* tree(fs, folder)).toEqual({})
      })))

  it.effect("a failure, of the service or half way, leaves nothing", () =>
    inFolder({
      downloadFile: (_, path) =>
        path === "/folder"
          ? Stream.fail(new Errors.UnprocessableError({ method: "x", status: 422 }))
          : Stream.concat(
            Stream.make(utf8.encode("half")),
            Stream.fail(new Errors.TransportError({ method: "x" }))
          )
    }, (image, folder, fs) =>
      Effect.gen(function*() {
        expect(yield* Effect.flip(image.download("/folder", { to: folder }))).toMatchObject({
          _tag: "UnprocessableError"
        })
        expect(yield* Effect.flip(image.download("/f", { to: folder }))).toMatchObject({ _tag: "TransportError" })
        expect(yield* tree(fs, folder)).toEqual({})
      })))

  it.effect("an interruption leaves nothing, and does not hold the connection", () =>
    Effect.gen(function*() {
      const isHalf = yield* Deferred.make<void>()
      const isClosed = yield* Deferred.make<void>()
      yield* inFolder({
        downloadFile: () =>
          Stream.make(utf8.encode("half")).pipe(
            Stream.concat(Stream.execute(Effect.zipRight(Deferred.succeed(isHalf, undefined), Effect.never))),
            Stream.ensuring(Deferred.succeed(isClosed, undefined))
          )
      }, (image, folder, fs) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(image.download("/f", { to: folder }))
          yield* Deferred.await(isHalf)
          expect((yield* fs.readDirectory(folder)).length).toBe(1)
          yield* Fiber.interrupt(fiber)
          expect(yield* Deferred.isDone(isClosed)).toBe(true)
          expect(yield* tree(fs, folder)).toEqual({})
        }))
    }))

  it.effect("64 MiB, no piece of which is kept: each is overwritten once the next is asked for", () => {
    const [piece, count] = [new Uint8Array(1 << 16), 1024]
    return inFolder({
      downloadFile: () =>
        Stream.map(Stream.rechunk(Stream.range(1, count), 1), (i) => {
          piece.fill(i % 251)
          return piece
        })
    }, (image, folder, fs) =>
      Effect.gen(function*() {
        const path = yield* image.download("/big", { to: folder })
        const wrong = yield* Stream.runFold(
          fs.stream(path, { chunkSize: 1 << 16 }),
          { at: 1, wrong: 0 },
          ({ at, wrong }, bytes) => ({
            at: at + 1,
            wrong: bytes.every((byte) => byte === at % 251) ? wrong : wrong + 1
          })
        )
        expect(wrong).toEqual({ at: count + 1, wrong: 0 })
      }))
  })
})

describe("downloadDirectory", () => {
  it.effect("makes the folder under its new name, with all that is in it", () => {
    const logged: Array<string> = []
    const log = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void logged.push(String(message))))
    return inFolder(
      archiveOf(
        { name: "app/", flag: "5", mode: 0o500 },
        { name: "app/run", content: "go", mode: 0o4755 },
        { name: "app/sub/", flag: "5", mode: 0o755 },
        { name: "app/sub/ é\n", content: "x" },
        { name: "app/sub/hard", flag: "1", link: "app/run" },
        { name: "app/null", flag: "3" },
        { name: "app/again", flag: "1", link: "app/null" },
        { name: "app/link", flag: "2", link: "/etc/passwd" },
        { name: "app/same", flag: "1", link: "app/link" }
      ),
      (image, folder, fs) =>
        Effect.gen(function*() {
          expect(yield* image.downloadDirectory("/app", { to: `${folder}/out/` })).toBe(`${folder}/out`)
          expect(yield* tree(fs, folder)).toEqual({
            out: "folder",
            "out/run": "go",
            "out/sub": "folder",
            "out/sub/ é\n": "x",
            "out/sub/hard": "go",
            "out/link": "-> /etc/passwd",
            "out/same": "-> /etc/passwd"
          })
          const [run, hard] = [yield* fs.stat(`${folder}/out/run`), yield* fs.stat(`${folder}/out/sub/hard`)]
          expect(run.ino).toEqual(hard.ino)
          expect([run.mode & 0o7777, (yield* fs.stat(`${folder}/out`)).mode & 0o7777]).toEqual([0o755, 0o700])
          expect(logged).toEqual([expect.stringContaining("\"app/null\", \"app/again\"")])
        })
    ).pipe(Effect.provide(log))
  })

  it.effect("the whole image, a folder behind a link, an empty one; names with a dot before them", () =>
    Effect.gen(function*() {
      const of = (path: string, ...members: ReadonlyArray<TarMember>) =>
        inFolder(
          archiveOf(...members),
          (image, folder, fs) => Effect.zipRight(image.downloadDirectory(path, { to: `${folder}/o` }), tree(fs, folder))
        )
      expect(yield* of("/", { name: "a/b", content: "1" })).toEqual({ o: "folder", "o/a": "folder", "o/a/b": "1" })
      expect(yield* of("/lib", { name: "usr/lib/", flag: "5" }, { name: "usr/lib/x", content: "1" })).toEqual({
        o: "folder",
        "o/x": "1"
      })
      expect(yield* of("/a//./b/", { name: "./a/b/x", content: "1" })).toEqual({ o: "folder", "o/x": "1" })
      expect(yield* of("/empty")).toEqual({ o: "folder" })
    }))

  it.effect("of several members with one name the last one counts, whatever it is", () =>
    inFolder(
      archiveOf(
        { name: "a", content: "old" },
        { name: "a", content: "new" },
        { name: "b", content: "file" },
        { name: "b/", flag: "5" },
        { name: "b/x", content: "in b" },
        { name: "c/x", content: "gone" },
        { name: "c", flag: "2", link: "b" },
        { name: "d", flag: "2", link: "../../outside" },
        { name: "d", content: "no link" },
        { name: "e", flag: "2", link: ".." },
        { name: "e/", flag: "5" },
        { name: "e/x", content: "in e" }
      ),
      (image, folder, fs) =>
        Effect.gen(function*() {
          yield* image.downloadDirectory("/", { to: `${folder}/o` })
          expect(yield* tree(fs, folder)).toEqual({
            o: "folder",
            "o/a": "new",
            "o/b": "folder",
            "o/b/x": "in b",
            "o/c": "-> b",
            "o/d": "no link",
            "o/e": "folder",
            "o/e/x": "in e"
          })
        })
    ))

  const attacks: ReadonlyArray<readonly [string, ReadonlyArray<TarMember | Uint8Array>]> = [
    ["a name that goes up", [{ name: "app/../../evil", content: "x" }]],
    ["an absolute name", [{ name: "/evil", content: "x" }]],
    ["a name beside the folder", [{ name: "app/", flag: "5" }, { name: "apple/x", content: "x" }]],
    ["a PAX name that goes up", [pax({ path: "app/../../evil" }), { name: "app/x", content: "x" }]],
    ["a file through a link", [{ name: "app/l", flag: "2", link: "../.." }, { name: "app/l/evil", content: "x" }]],
    ["a folder through a link", [{ name: "app/l", flag: "2", link: "../.." }, { name: "app/l/evil/", flag: "5" }]],
    ["a link through a link", [
      { name: "app/l", flag: "2", link: "../.." },
      { name: "app/l/evil", flag: "2", link: "x" }
    ]],
    ["a hard link through a link", [
      { name: "app/l", flag: "2", link: "../.." },
      { name: "app/h", flag: "1", link: "app/l/victim" }
    ]],
    ["a hard link to outside", [{ name: "app/h", flag: "1", link: "../victim" }]],
    ["a hard link to an absolute name", [{ name: "app/h", flag: "1", link: "/etc/passwd" }]],
    ["a hard link to what is not there", [{ name: "app/h", flag: "1", link: "app/no" }]],
    ["a hard link to a folder", [{ name: "app/d/", flag: "5" }, { name: "app/h", flag: "1", link: "app/d" }]],
    ["a file below a file", [{ name: "app/f", content: "x" }, { name: "app/f/x", content: "x" }]],
    ["a name that is no UTF-8", [{ name: new Uint8Array([0x61, 0x70, 0x70, 0x2f, 0xff]) }]]
  ]
  it.effect.each(attacks)(
    "refuses %s, and leaves nothing",
    ([_, members]) =>
      inFolder(archiveOf(...members), (image, folder, fs) =>
        Effect.gen(function*() {
          yield* fs.writeFileString(`${folder}/victim`, "mine")
          const error = yield* Effect.flip(image.downloadDirectory("/app", { to: `${folder}/out` }))
          expect(error).toMatchObject({ _tag: "DecodeError", method: "Image.downloadDirectory" })
          expect(yield* tree(fs, folder)).toEqual({ victim: "mine" })
        }))
  )

  it.effect("an archive that is cut short fails, and leaves nothing", () =>
    inFolder(
      { archive: () => Stream.succeed(entry({ name: "app/f", content: "x" })) },
      (image, folder, fs) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(image.downloadDirectory("/app", { to: `${folder}/out` }))
          expect(error).toMatchObject({ _tag: "TransportError", message: expect.stringContaining("before its end") })
          expect(yield* tree(fs, folder)).toEqual({})
        })
    ))

  it.effect("an interruption, and a disk that is full, leave nothing", () =>
    Effect.gen(function*() {
      const isHalf = yield* Deferred.make<void>()
      const bytes = tar({ name: "app/f", content: "x".repeat(2000) })
      const wait = Effect.zipRight(Deferred.succeed(isHalf, undefined), Effect.never)
      yield* inFolder(
        { archive: () => Stream.concat(Stream.make(bytes.slice(0, 1000)), Stream.execute(wait)) },
        (image, folder, fs) =>
          Effect.gen(function*() {
            const fiber = yield* Effect.fork(image.downloadDirectory("/app", { to: `${folder}/out` }))
            yield* Deferred.await(isHalf)
            expect((yield* fs.readDirectory(folder)).length).toBe(1)
            yield* Fiber.interrupt(fiber)
            expect(yield* tree(fs, folder)).toEqual({})
            const full: FileSystem.FileSystem = {
              ...fs,
              open: (path, options) =>
                path.endsWith("/f") ? fs.open("/dev/full", { flag: "w" }) : fs.open(path, options)
            }
            const error = yield* image.downloadDirectory("/app", { to: `${folder}/out` }).pipe(
              Effect.provideService(FileSystem.FileSystem, full),
              Effect.flip
            )
            expect(error.message).toMatch(/ENOSPC|no space/i)
            expect(yield* tree(fs, folder)).toEqual({})
          })
      )
    }))

  it.effect("refuses what is there before it asks; replaces it when told, but never the current folder", () =>
    inFolder(archiveOf({ name: "app/new", content: "n" }), (image, folder, fs, asked) =>
      Effect.gen(function*() {
        yield* fs.makeDirectory(`${folder}/out/sub`, { recursive: true })
        yield* fs.writeFileString(`${folder}/file`, "old")
        for (const to of [`${folder}/out`, `${folder}/file`]) {
          expect(yield* Effect.flip(image.downloadDirectory("/app", { to }))).toMatchObject({ reason: "AlreadyExists" })
        }
        for (const to of [".", "..", "/"]) {
          expect(yield* Effect.flip(image.downloadDirectory("/app", { to, overwrite: true }))).toMatchObject({
            reason: "BadResource",
            message: expect.stringContaining("current folder")
          })
        }
        expect(yield* Effect.flip(image.downloadDirectory("/app", { to: `${folder}/no/out` }))).toMatchObject({
          reason: "NotFound"
        })
        expect(asked).toEqual([])
        for (const to of [`${folder}/out`, `${folder}/file`]) {
          yield* image.downloadDirectory("/app", { to, overwrite: true })
        }
        expect(yield* tree(fs, folder)).toEqual({
          out: "folder",
          "out/new": "n",
          file: "folder",
          "file/new": "n"
        })
      })))

  it.effect("what is replaced is back when the new folder cannot be put in its place", () =>
    inFolder(archiveOf({ name: "app/new", content: "n" }), (image, folder, fs) =>
      Effect.gen(function*() {
        yield* fs.makeDirectory(`${folder}/out`)
        yield* fs.writeFileString(`${folder}/out/f`, "old")
        const broken: FileSystem.FileSystem = {
          ...fs,
          rename: (from, to) => from.endsWith("/new") ? fs.rename(`${from}-not-there`, to) : fs.rename(from, to)
        }
        const exit = yield* image.downloadDirectory("/app", { to: `${folder}/out`, overwrite: true }).pipe(
          Effect.provideService(FileSystem.FileSystem, broken),
          Effect.exit
        )
        expect(Exit.isFailure(exit)).toBe(true)
        expect(yield* tree(fs, folder)).toEqual({ out: "folder", "out/f": "old" })
      })))

  it.effect("is not for files", () =>
    inFolder(archiveOf({ name: "app", content: "x" }), (image, folder, fs) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(image.downloadDirectory("/app", { to: `${folder}/out` }))
        expect(error).toMatchObject({ _tag: "InvalidArgumentError", argument: "path" })
        expect(yield* tree(fs, folder)).toEqual({})
      })))

  it.effect("goes without hard links where the file system has none", () =>
    inFolder(
      archiveOf({ name: "app/a", content: "x" }, { name: "app/b", flag: "1", link: "app/a" }),
      (image, folder, fs) =>
        Effect.gen(function*() {
          const none: FileSystem.FileSystem = { ...fs, link: (from) => fs.link(`${from}/no`, from) }
          yield* image.downloadDirectory("/app", { to: `${folder}/out` }).pipe(
            Effect.provideService(FileSystem.FileSystem, none)
          )
          expect(yield* tree(fs, folder)).toEqual({ out: "folder", "out/a": "x", "out/b": "x" })
        })
    ))
})

describe("a handle that is over", () => {
  it.effect("downloads nothing", () =>
    inFolder({ ...saying("x"), ...archiveOf() }, (image, folder, fs, asked) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const inside = yield* Effect.flatMap(Scope.extend(image.scratch, scope), (scratch) => scratch.image)
        const [listed] = yield* inside.ls("/")
        yield* Scope.close(scope, Exit.void)
        expect(listed?._tag).toBe("File")
        for (
          const use of [
            inside.download("/f", { to: folder }),
            inside.downloadDirectory("/", { to: `${folder}/o` }),
            listed?._tag === "File" ? listed.download({ to: folder }) : Effect.void
          ]
        ) {
          expect(yield* Effect.flip(use)).toBeInstanceOf(Errors.DisposableImageRunError)
        }
        expect(asked).toEqual([])
        expect(yield* tree(fs, folder)).toEqual({})
      })))
})
