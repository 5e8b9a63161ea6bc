/**
 * What uploads files makes of them: where their bytes come from, and how many they are.
 *
 * @since 0.1.0
 */
import * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import * as LocalRead from "../internal/LocalRead.js"
import type { Uploaded } from "../schemas/Uploaded.js"
import * as File from "./File.js"

/**
 * A file ready to be sent. `size` in bytes where it is known. A `Stream` source that gives the same content
 * when it is run again (a local file) has a `digest` to be asked for first: its SHA-256 in hexadecimal.
 *
 * @internal
 */
export type Source<E = never, R = never> =
  & File.Attributes
  & (
    | { readonly _tag: "Bytes"; readonly bytes: Uint8Array; readonly size: number }
    | {
      readonly _tag: "Stream"
      readonly stream: Stream.Stream<Uint8Array, E, R>
      readonly size: number | undefined
      readonly digest: Effect.Effect<string, E, R> | undefined
    }
    | { readonly _tag: "Uploaded"; readonly file: Uploaded; readonly size: number }
  )

const utf8 = new TextEncoder()

const localSource = (
  local: string,
  attributes: File.Attributes
): Effect.Effect<
  Source<PlatformError.PlatformError, FileSystem.FileSystem>,
  PlatformError.PlatformError,
  FileSystem.FileSystem
> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const info = yield* fs.stat(local)
    if (info.type === "Directory") {
      return yield* new PlatformError.SystemError({
        reason: "BadResource",
        module: "FileSystem",
        method: "readFile",
        pathOrDescriptor: local,
        description: "this is a folder; pack it (tar) and send the archive, or name the files in it"
      })
    }
    // A pipe has no size, and what the kernel makes up on the fly (/proc) says 0.
    const size = info.type === "File" && info.size > 0n ? Number(info.size) : undefined
    return {
      _tag: "Stream",
      // A file that grows meanwhile is sent as it was: its length has been announced.
      stream: LocalRead.stream(local, size),
      size,
      digest: info.type === "File" ? LocalRead.sha256(local, size) : undefined,
      ...((info.mode & 0o111) === 0 ? {} : { mode: 0o755 }),
      ...File.own(attributes)
    }
  })

/**
 * What to send for a content, with the attributes it ends up with. Fails, before anything is sent, when a local file
 * cannot be looked at.
 *
 * @internal
 */
export const toContent = <const F extends File.Content>(
  content: F
): Effect.Effect<Source<File.Error<F>, File.Context<F>>, File.Error<F>, File.Context<F>> => {
  type Out = Effect.Effect<Source<File.Error<F>, File.Context<F>>, File.Error<F>, File.Context<F>>
  const inMemory = (bytes: Uint8Array, attributes: File.Attributes): Out =>
    Effect.succeed({ _tag: "Bytes", bytes, size: bytes.length, ...File.own(attributes) })
  if (typeof content === "string") return inMemory(utf8.encode(content), {})
  if (content instanceof Uint8Array) return inMemory(content, {})
  const file = content as File.Variant<File.Error<F>, File.Context<F>>
  switch (file._tag) {
    case "Text":
      return inMemory(utf8.encode(file.content), file)
    case "Bytes":
      return inMemory(file.content, file)
    case "Path":
      // `path` alone makes this variant, and its type says PlatformError and FileSystem
      // @effect-diagnostics-next-line unsafeEffectTypeAssertion:off
      return localSource(file.local, file) as Out
    case "Stream":
      return Effect.succeed({
        _tag: "Stream",
        stream: file.content,
        size: undefined,
        digest: undefined,
        ...File.own(file)
      })
    case "Uploaded":
      return Effect.succeed({ _tag: "Uploaded", file: file.file, size: file.file.size, ...File.own(file) })
  }
}
