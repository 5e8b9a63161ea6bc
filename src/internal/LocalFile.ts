/** A local file that is there whole or not at all: written under another name beside it, and renamed at the end. */
import * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"

/**
 * Where the last part of a local path begins. Backslashes separate on Windows only (`C:\...`, `\\server\...`): elsewhere
 * they may stand in a name.
 */
export const lastPart = (local: string): number =>
  Math.max(local.lastIndexOf("/"), /^(?:[A-Za-z]:[\\/]|\\\\)/.test(local) ? local.lastIndexOf("\\") : -1) + 1

export const isReason = (reason: PlatformError.SystemErrorReason) => (e: PlatformError.PlatformError): boolean =>
  e._tag === "SystemError" && e.reason === reason

/** What is said of the path that was asked for: nobody has heard of the temporary name. */
export interface Say {
  readonly fail: (reason: PlatformError.SystemErrorReason, description: string) => PlatformError.SystemError
  readonly alreadyThere: PlatformError.SystemError
  readonly about: (e: PlatformError.PlatformError) => PlatformError.PlatformError
}

export const say = (method: string, path: string): Say => {
  const fail: Say["fail"] = (reason, description) =>
    new PlatformError.SystemError({ reason, module: "FileSystem", method, pathOrDescriptor: path, description })
  return {
    fail,
    alreadyThere: fail("AlreadyExists", "it is there already; pass { overwrite: true } to replace it"),
    about: (e) => {
      if (e._tag !== "SystemError") return e
      return e.reason === "NotFound"
        ? fail(e.reason, "the folder it goes into is not there: make that first")
        : fail(e.reason, e.description ?? "it cannot be written")
    }
  }
}

export interface Target {
  /** where the bytes end up, symbolic links followed */
  readonly path: string
  /** what is there now */
  readonly info: FileSystem.File.Info | undefined
}

/** What is at a path, once it is clear that it may be replaced. */
export const inspect = (
  fs: FileSystem.FileSystem,
  path: string,
  overwrite: boolean,
  { alreadyThere }: Say
): Effect.Effect<Target, PlatformError.PlatformError> =>
  Effect.gen(function*() {
    const found = yield* fs.stat(path).pipe(
      Effect.map(Option.some),
      Effect.catchIf(isReason("NotFound"), () => Effect.succeed(Option.none<FileSystem.File.Info>()))
    )
    if (Option.isSome(found)) {
      if (!overwrite) return yield* alreadyThere
      return { path: yield* fs.realPath(path), info: found.value }
    }
    // A link to nothing is something too.
    if (!overwrite && Option.isSome(yield* Effect.option(fs.readLink(path)))) return yield* alreadyThere
    return { path, info: undefined }
  })

/** A new file beside the target, under a name of its own; removed with the scope unless it was renamed before. */
const openBeside = (
  fs: FileSystem.FileSystem,
  target: Target
): Effect.Effect<
  { readonly name: string; readonly file: FileSystem.File; readonly close: Effect.Effect<void> },
  PlatformError.PlatformError,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const folder = target.path.slice(0, lastPart(target.path))
    const handles = yield* Effect.acquireRelease(Scope.make(), Scope.close)
    // The name is short and made of nothing but letters: the target's own may be as long as a name can be.
    const attempt = Effect.gen(function*() {
      const name = `${folder}.part-${(yield* Random.nextIntBetween(0, 2 ** 32)).toString(16)}`
      const file = yield* Effect.acquireRelease(
        // `wx` fails on a name that is taken, so what is removed below is ours
        Effect.provideService(fs.open(name, { flag: "wx" }), Scope.Scope, handles),
        () => Effect.ignore(fs.remove(name, { force: true }))
      )
      return { name, file, close: Scope.close(handles, Exit.void) }
    })
    return yield* Effect.retry(attempt, { times: 16, while: isReason("AlreadyExists") })
  })

/** `link` refuses a name that came into being meanwhile, which `rename` would replace. */
const moveToNew = (
  fs: FileSystem.FileSystem,
  from: string,
  to: string,
  { alreadyThere }: Say
): Effect.Effect<void, PlatformError.PlatformError> =>
  fs.link(from, to).pipe(
    Effect.catchAll((e) => {
      if (isReason("AlreadyExists")(e)) return Effect.fail(alreadyThere)
      // Some file systems have no hard links. The moment between the look and the rename cannot be closed there.
      return Effect.flatMap(fs.exists(to), (there) => there ? Effect.fail(alreadyThere) : fs.rename(from, to))
    })
  )

/** Writes pieces, none of them empty. */
export const writeAll = (file: FileSystem.File) =>
(chunk: Chunk.Chunk<Uint8Array>): Effect.Effect<
  void,
  PlatformError.PlatformError
> => Effect.forEach(chunk, (bytes) => bytes.length === 0 ? Effect.void : file.writeAll(bytes), { discard: true })

/**
 * The sink behind `Output.toFile`, where its promises are written down. Errors speak of `method` and `path`. Whatever can
 * be refused is, before the first piece is asked for.
 */
export const sink = (
  method: string,
  path: string,
  options: { readonly overwrite?: boolean | undefined } | undefined
): Sink.Sink<void, Uint8Array, never, PlatformError.PlatformError, FileSystem.FileSystem> =>
  Sink.unwrapScoped(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const overwrite = options?.overwrite === true
    const words = say(method, path)
    const isFolder = Effect.map(fs.stat(path), ({ type }) => type === "Directory")
    if (yield* Effect.orElseSucceed(isFolder, () => false)) {
      return yield* words.fail("BadResource", "this is a folder: name a file")
    }
    const target = yield* inspect(fs, path, overwrite, words)
    if (target.info !== undefined && target.info.type !== "File") {
      const file = yield* fs.open(target.path, { flag: "w" })
      return Sink.forEachChunk(writeAll(file))
    }
    const { close, file, name } = yield* Effect.mapError(openBeside(fs, target), words.about)
    if (target.info !== undefined) yield* fs.chmod(name, target.info.mode & 0o7777)
    const commit = close.pipe(
      Effect.zipRight(overwrite ? fs.rename(name, target.path) : moveToNew(fs, name, target.path, words)),
      Effect.mapError(words.about),
      Effect.uninterruptible
    )
    return Sink.mapEffect(Sink.forEachChunk(writeAll(file)), () => commit)
  }))
