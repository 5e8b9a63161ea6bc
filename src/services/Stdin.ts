/**
 * What a command reads: text (as UTF-8), bytes, or a stream of bytes that keeps its own errors and requirements.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import { concat } from "../internal/Bytes.js"
import * as Errors from "../schemas/Errors.js"

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

/** bytes; in a request they are a third more, and a server that takes less says so itself */
const maxStdin = 64 * 1024 * 1024

const tooMuch = (method: string): Errors.InvalidArgumentError =>
  new Errors.InvalidArgumentError({
    method,
    argument: "stdin",
    description: `it is longer than the ${maxStdin} bytes (64 MiB) that a request can carry: put it in a file ` +
      "with `files`, and let the command read that"
  })

/**
 * What a request can carry.
 *
 * @internal
 */
export const given = (
  method: string,
  self: string | Uint8Array
): Either.Either<Uint8Array, Errors.InvalidArgumentError> => {
  const bytes = typeof self === "string" ? utf8.encode(self) : self
  return bytes.length > maxStdin ? Either.left(tooMuch(method)) : Either.right(bytes)
}

/**
 * All of it. Joined once, with one allocation; a stream without end is left as soon as it is too long.
 *
 * @internal
 */
export const collect = <E, R>(
  method: string,
  self: Stdin<E, R>
): Effect.Effect<Uint8Array, E | Errors.InvalidArgumentError, R> => {
  if (typeof self === "string" || self instanceof Uint8Array) return given(method, self)
  return Effect.suspend(() => {
    let size = 0
    const pieces: Array<Uint8Array> = []
    return Stream.runForEach(self, (piece) => {
      size += piece.length
      pieces.push(piece)
      return size > maxStdin ? Effect.fail(tooMuch(method)) : Effect.void
    }).pipe(Effect.map(() => concat(pieces)))
  })
}
