/**
 * What a command reads: text (as UTF-8), bytes, or a stream of bytes that keeps its own errors and requirements.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/**
 * A string is content, never a path: `Stdin.file` reads a file.
 *
 * @since 0.1.0
 * @category models
 */
export type Stdin<E = never, R = never> = string | Uint8Array | Stream.Stream<Uint8Array, E, R>

/**
 * The content of a local file, read when the command is run.
 *
 * Fails with the `PlatformError` of the file system.
 *
 * @example
 * ```ts
 * import * as Command from "effect-contree/Command"
 * import * as Stdin from "effect-contree/Stdin"
 *
 * const options = { stdin: Stdin.file("./words.txt") }
 * const command = Command.exec("sort")
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const file = (path: string): Stream.Stream<Uint8Array, PlatformError, FileSystem.FileSystem> =>
  Stream.unwrap(Effect.map(FileSystem.FileSystem, (fs) => fs.stream(path)))

const utf8 = new TextEncoder()

/**
 * The bytes, if they are there without running anything.
 *
 * @internal
 */
export const toBytes = <E, R>(self: Stdin<E, R>): Uint8Array | undefined => {
  if (typeof self === "string") return utf8.encode(self)
  return self instanceof Uint8Array ? self : undefined
}

/**
 * Any form as a stream; an empty text or array is an empty stream.
 *
 * @internal
 */
export const toStream = <E, R>(self: Stdin<E, R>): Stream.Stream<Uint8Array, E, R> => {
  if (typeof self === "string") return self === "" ? Stream.empty : Stream.succeed(utf8.encode(self))
  if (self instanceof Uint8Array) return self.length === 0 ? Stream.empty : Stream.succeed(self)
  return self
}
