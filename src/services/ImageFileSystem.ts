/**
 * An image as the platform's `FileSystem`: what reads is there, and what writes says why not.
 *
 * @since 0.1.0
 */
import * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type * as Errors from "../schemas/Errors.js"
import type { Entry, Image } from "./Image.js"
import * as ImageFileReader from "./ImageFileReader.js"

type Viewed = Pick<Image, "ls" | "exists" | "read" | "readStream">

// ------------------------------------------------------------------------------------------------------------- errors

const failure = (
  reason: PlatformError.SystemErrorReason,
  method: string,
  path: string,
  description: string
): PlatformError.SystemError =>
  new PlatformError.SystemError({ reason, module: "FileSystem", method, pathOrDescriptor: path, description })

const reasons: { readonly [T in Errors.ReadError["_tag"]]: PlatformError.SystemErrorReason } = {
  NotFoundError: "NotFound",
  // what the platform says where a folder is taken for a file, or a file for a folder
  UnprocessableError: "BadResource",
  GoneError: "BadResource",
  DisposableImageRunError: "BadResource",
  UnauthorizedError: "PermissionDenied",
  ForbiddenError: "PermissionDenied",
  RateLimitedError: "Busy",
  DecodeError: "InvalidData",
  BadRequestError: "InvalidData",
  InvalidArgumentError: "InvalidData",
  ServerError: "Unknown",
  UnexpectedStatusError: "Unknown",
  TransportError: "Unknown"
}

const toPlatform = (method: string, path: string) => (error: Errors.ReadError): PlatformError.PlatformError =>
  error._tag === "InvalidArgumentError"
    ? new PlatformError.BadArgument({ module: "FileSystem", method, description: error.message })
    : failure(reasons[error._tag], method, path, error.message)

const immutable = (method: string, path: string): PlatformError.SystemError =>
  failure(
    "PermissionDenied",
    method,
    path,
    "an image never changes: make a new one, with image.applyFiles or image.run(command, { disposable: false })"
  )

// -------------------------------------------------------------------------------------------------------------- paths

/** as many as Linux follows */
const maxLinks = 40

/** The names on the way to a path, as it is written: `..` is for who walks them to understand. */
const partsOf = (path: string): ReadonlyArray<string> => path.split("/").filter((part) => part !== "" && part !== ".")

const isRoot = (path: string): boolean => partsOf(path).length === 0

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/") + 1)

/** absolute, without slashes at its end */
const normal = (path: string): string => `/${path}`.replace(/^\/+/, "/").replace(/(?<=.)\/+$/, "")

interface Walk {
  /** what is there; nothing for the root, of which no folder tells */
  readonly entry: Entry | undefined
  readonly path: string
}

/** From name to name as the kernel goes, links followed (the last one too). */
const walk = (image: Viewed, method: string, asked: string): Effect.Effect<Walk, PlatformError.PlatformError> =>
  Effect.gen(function*() {
    let todo = [...partsOf(asked)]
    let done: ReadonlyArray<Entry> = []
    let links = 0
    while (todo.length > 0) {
      const [name, ...rest] = todo as [string, ...Array<string>]
      todo = rest
      if (name === "..") {
        done = done.slice(0, -1)
        continue
      }
      const folder = done.at(-1)?.path ?? "/"
      const entry = yield* find(image, method, asked, folder, name)
      if (Option.isNone(entry.symlinkTo)) {
        done = [...done, entry]
        continue
      }
      if (++links > maxLinks) return yield* failure("BadResource", method, asked, "too many links lead to one another")
      if (entry.symlinkTo.value.startsWith("/")) done = []
      todo = [...partsOf(entry.symlinkTo.value), ...todo]
    }
    return { entry: done.at(-1), path: done.at(-1)?.path ?? "/" }
  })

const find = (
  image: Viewed,
  method: string,
  asked: string,
  folder: string,
  name: string
): Effect.Effect<Entry, PlatformError.PlatformError> =>
  image.ls(folder).pipe(
    Effect.mapError(toPlatform(method, asked)),
    Effect.flatMap((entries) => {
      const entry = entries.find((entry) => entry.name === name)
      return entry === undefined
        ? Effect.fail(failure("NotFound", method, asked, `there is no ${JSON.stringify(name)} in ${folder}`))
        : Effect.succeed(entry)
    })
  )

/** What lies at a path; of a link, the link. One listing, unless the path ends in what only a walk can understand. */
const look = (image: Viewed, method: string, asked: string): Effect.Effect<Walk, PlatformError.PlatformError> => {
  const path = normal(asked)
  const name = path.slice(path.lastIndexOf("/") + 1)
  if (isRoot(path) || name === "." || name === "..") return walk(image, method, asked)
  return Effect.map(find(image, method, asked, folderOf(path), name), (entry) => ({ entry, path }))
}

const follow = (image: Viewed, method: string, asked: string): Effect.Effect<Walk, PlatformError.PlatformError> =>
  Effect.flatMap(
    look(image, method, asked),
    (found) =>
      found.entry !== undefined && Option.isSome(found.entry.symlinkTo)
        ? walk(image, method, asked)
        : Effect.succeed(found)
  )

// --------------------------------------------------------------------------------------------------------------- view

/** the type bits of a mode, as `stat` has them */
const bits: { readonly [T in FileSystem.File.Type]: number } = {
  Socket: 0o140000,
  SymbolicLink: 0o120000,
  File: 0o100000,
  BlockDevice: 0o060000,
  Directory: 0o040000,
  CharacterDevice: 0o020000,
  FIFO: 0o010000,
  Unknown: 0
}

const rootInfo = { type: "Directory", mode: 0o755, size: 0n } as const

const toInfo = (entry: Entry | undefined): FileSystem.File.Info => {
  const { mode, size, type } = entry ?? rootInfo
  return {
    type,
    mode: bits[type] | mode,
    size: FileSystem.Size(size),
    mtime: Option.map(Option.fromNullable(entry), ({ mtime }) => DateTime.toDateUtc(mtime)),
    nlink: Option.map(Option.fromNullable(entry), ({ nlink }) => nlink),
    uid: Option.some(entry?.uid ?? 0),
    gid: Option.some(entry?.gid ?? 0),
    dev: 0,
    ino: Option.none(),
    atime: Option.none(),
    birthtime: Option.none(),
    rdev: Option.none(),
    blksize: Option.none(),
    blocks: Option.none()
  }
}

/** folders whose content is asked for at once */
const listings = 8

const names = (
  image: Viewed,
  path: string,
  recursive: boolean
): Effect.Effect<Array<string>, PlatformError.PlatformError> =>
  Effect.gen(function*() {
    const found: Array<string> = []
    const above = isRoot(path) ? "" : path
    let folders: ReadonlyArray<string> = [""]
    while (folders.length > 0) {
      const level = yield* Effect.forEach(folders, (folder) =>
        Effect.map(image.ls(folder === "" ? path : `${above}/${folder}`), (entries) =>
          entries.map((entry) => ({
            name: folder === "" ? entry.name : `${folder}/${entry.name}`,
            isFolder: entry._tag === "Directory"
          }))), { concurrency: listings }).pipe(Effect.mapError(toPlatform("readDirectory", path)))
      for (const { name } of level.flat()) {
        found.push(name)
      }
      folders = recursive
        ? level.flat().flatMap(({ isFolder, name }) =>
          isFolder ? [name] : []
        )
        : []
    }
    return found
  })

/**
 * @internal
 */
export const make = (image: Viewed): FileSystem.FileSystem => {
  const denied = (method: string) => (path: string) => Effect.fail(immutable(method, path))
  const deniedHere = (method: string) => () => Effect.fail(immutable(method, "/"))
  const content = (method: string, path: string) => Stream.mapError(image.readStream(path), toPlatform(method, path))
  const stat = (path: string) => Effect.map(follow(image, "stat", path), ({ entry }) => toInfo(entry))
  const access: FileSystem.FileSystem["access"] = (path, options) =>
    image.exists(path).pipe(
      Effect.mapError(toPlatform("access", path)),
      // Of what is neither file nor folder the service does not say whether it is there.
      Effect.flatMap((exists) => exists ? Effect.void : follow(image, "access", path)),
      Effect.zipRight(options?.writable === true ? Effect.fail(immutable("access", path)) : Effect.void)
    )
  const base = FileSystem.make({
    access,
    stat,
    open: (path, options) =>
      (options?.flag ?? "r") === "r"
        ? ImageFileReader.open({
          content: content("open", path),
          stat: stat(path),
          denied: (method) => immutable(method, path)
        })
        : Effect.fail(immutable("open", path)),
    readFile: (path) => Effect.mapError(image.read(path), toPlatform("readFile", path)),
    readDirectory: (path, options) => names(image, normal(path), options?.recursive === true),
    readLink: (path) =>
      Effect.flatMap(
        look(image, "readLink", path),
        ({ entry }) =>
          Option.match(entry?.symlinkTo ?? Option.none<string>(), {
            onNone: () => Effect.fail(failure("BadResource", "readLink", path, "this is no symbolic link")),
            onSome: (target) => Effect.succeed(target)
          })
      ),
    realPath: (path) => Effect.map(walk(image, "realPath", path), (found) => found.path),
    copy: (_, to) => Effect.fail(immutable("copy", to)),
    copyFile: (_, to) => Effect.fail(immutable("copyFile", to)),
    chmod: denied("chmod"),
    chown: denied("chown"),
    link: (_, to) => Effect.fail(immutable("link", to)),
    makeDirectory: denied("makeDirectory"),
    makeTempDirectory: deniedHere("makeTempDirectory"),
    makeTempDirectoryScoped: deniedHere("makeTempDirectoryScoped"),
    makeTempFile: deniedHere("makeTempFile"),
    makeTempFileScoped: deniedHere("makeTempFileScoped"),
    remove: denied("remove"),
    rename: denied("rename"),
    symlink: (_, to) => Effect.fail(immutable("symlink", to)),
    truncate: denied("truncate"),
    utimes: denied("utimes"),
    watch: (path) =>
      Stream.fail(failure("BadResource", "watch", path, "an image never changes: there is nothing to wait for")),
    writeFile: denied("writeFile")
  })
  return {
    ...base,
    sink: (path) => Sink.fail(immutable("sink", path)),
    writeFileString: denied("writeFileString"),
    stream: (path, options) =>
      content("stream", path).pipe(
        ImageFileReader.slice(options?.offset, options?.bytesToRead),
        Stream.mapChunks(
          Chunk.flatMap((bytes) => Chunk.unsafeFromArray(ImageFileReader.split(bytes, options?.chunkSize)))
        )
      )
  }
}
