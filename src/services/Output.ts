/**
 * What a command writes: as it comes (a stream of tagged chunks), or captured whole; and the sink that puts it into a
 * local file.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import type { FileSystem } from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import * as Lines from "../internal/Lines.js"
import * as LocalFile from "../internal/LocalFile.js"
import * as Pull from "../internal/Pull.js"
import { DecodeError } from "../schemas/Errors.js"

/**
 * A piece of output. `text` is the piece as UTF-8; a character that is cut in two belongs to the piece that completes
 * it, so that the texts of a stream joined are the text of the whole, but for half a character at its very end. `at` is when the server saw it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Piece {
  readonly bytes: Uint8Array
  readonly text: string
  readonly at: DateTime.Utc
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Stdout extends Piece {
  readonly _tag: "Stdout"
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Stderr extends Piece {
  readonly _tag: "Stderr"
}

/**
 * @since 0.1.0
 * @category models
 */
export type Output = Stdout | Stderr

/**
 * Output as a whole. `text` never fails (what is no UTF-8 becomes U+FFFD), `textStrict` does; both are decoded when first
 * asked for. `truncated`: the server kept the beginning only.
 *
 * @since 0.1.0
 * @category models
 */
export interface Captured {
  readonly bytes: Uint8Array
  readonly text: string
  readonly textStrict: Either.Either<string, DecodeError>
  readonly truncated: boolean
}

/**
 * What a stream of bytes can be run into.
 *
 * @since 0.1.0
 * @category models
 */
export type AnySink<E, R> = Sink.Sink<unknown, Uint8Array, unknown, E, R>

// ------------------------------------------------------------------------------------------------------------- views

const only = (tag: Output["_tag"]) => <E, R>(self: Stream.Stream<Output, E, R>): Stream.Stream<Uint8Array, E, R> =>
  Pull.through(self, Effect.map(Chunk.filterMap((out) => out._tag === tag ? Option.some(out.bytes) : Option.none())))

/**
 * The bytes of stdout; stderr is dropped.
 *
 * @example
 * ```ts
 * import type * as Errors from "effect-contree/Errors"
 * import * as Output from "effect-contree/Output"
 * import type * as Stream from "effect/Stream"
 *
 * const lines = (output: Stream.Stream<Output.Output, Errors.OutputError>) => output.pipe(Output.stdout, Output.lines)
 * ```
 *
 * @since 0.1.0
 * @category views
 */
export const stdout: <E, R>(self: Stream.Stream<Output, E, R>) => Stream.Stream<Uint8Array, E, R> = only("Stdout")

/**
 * The bytes of stderr; stdout is dropped.
 *
 * @since 0.1.0
 * @category views
 */
export const stderr: <E, R>(self: Stream.Stream<Output, E, R>) => Stream.Stream<Uint8Array, E, R> = only("Stderr")

/**
 * The lines of a stream of bytes, without their ends. A line ends with LF, CRLF or CR (so a bar of progress that goes
 * back to its beginning is a line each time); what comes after the last end is a line too, unless it is empty. The bytes
 * may be cut anywhere, in a character too; what is no UTF-8 becomes U+FFFD, and a byte order mark stays.
 *
 * A stream that fails does so after the lines that were complete: half a line is none.
 *
 * @example
 * ```ts
 * import type * as Errors from "effect-contree/Errors"
 * import * as Output from "effect-contree/Output"
 * import type * as Process from "effect-contree/Process"
 * import type * as Stream from "effect/Stream"
 *
 * const complaints = (process: Process.Any): Stream.Stream<string, Errors.OutputError> => Output.lines(process.stderr)
 * ```
 *
 * @since 0.1.0
 * @category views
 */
export const lines = <E, R>(self: Stream.Stream<Uint8Array, E, R>): Stream.Stream<string, E, R> =>
  Pull.through(self, (pull) => {
    const splitter = Lines.makeSplitter()
    const split = Effect.map(
      pull,
      (chunk) => Chunk.unsafeFromArray(Chunk.toReadonlyArray(chunk).flatMap((bytes) => splitter.add(bytes)))
    )
    return Pull.endingWith(split, () => Chunk.unsafeFromArray(splitter.finish()))
  })

/**
 * Makes the pieces of one stream in order, carrying cut characters from one to the next. It holds state: one for each
 * run of a stream, made inside `Stream.suspend`.
 *
 * @internal
 */
export const makePieces = (): (tag: Output["_tag"], bytes: Uint8Array, at: DateTime.Utc) => Output => {
  const decoders = {
    Stdout: new TextDecoder("utf-8", { ignoreBOM: true }),
    Stderr: new TextDecoder("utf-8", { ignoreBOM: true })
  }
  return (tag, bytes, at) => ({ _tag: tag, bytes, text: decoders[tag].decode(bytes, { stream: true }), at })
}

// ---------------------------------------------------------------------------------------------------------- captured

// ignoreBOM: text is all that was written, a byte order mark too
const lossy = new TextDecoder("utf-8", { ignoreBOM: true })
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const decodeStrict = (bytes: Uint8Array, truncated: boolean): Either.Either<string, DecodeError> =>
  Either.try({
    try: () => strict.decode(bytes),
    catch: () =>
      new DecodeError({
        method: "Output.textStrict",
        description: truncated
          ? "the output is no valid UTF-8, maybe because it was cut: raise truncateOutputAt, or use text or bytes"
          : "the output is no valid UTF-8: use text (lossy) or bytes"
      })
  })

class CapturedImpl implements Captured {
  #text: string | undefined
  #strict: Either.Either<string, DecodeError> | undefined

  constructor(readonly bytes: Uint8Array, readonly truncated: boolean) {}

  get text(): string {
    return this.#text ??= lossy.decode(this.bytes)
  }
  get textStrict(): Either.Either<string, DecodeError> {
    return this.#strict ??= decodeStrict(this.bytes, this.truncated)
  }
  toJSON(): unknown {
    return { _id: "Captured", size: this.bytes.length, text: this.text, truncated: this.truncated }
  }
  toString(): string {
    return this.text
  }
  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

/**
 * Joins pieces once, with one allocation.
 *
 * @internal
 */
export const makeCaptured = (pieces: Iterable<Uint8Array>, truncated: boolean): Captured => {
  const all = [...pieces]
  const bytes = new Uint8Array(all.reduce((size, piece) => size + piece.length, 0))
  let offset = 0
  for (const piece of all) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return new CapturedImpl(bytes, truncated)
}

// ------------------------------------------------------------------------------------------------------------ to file

/**
 * Writes everything to a local file. The bytes go to a temporary name in the same folder, which is renamed to `path`
 * when the end is reached: whoever looks at `path` sees the old content or the whole new one. After a failure or an
 * interruption the temporary file is removed and `path` is as it was.
 *
 * Fails with `AlreadyExists` when there is a file (before the first byte, or at the end when it came meanwhile); with
 * `overwrite: true` it is replaced and keeps its permission bits. A symbolic link is followed; a device or pipe is
 * written to directly.
 *
 * @example
 * ```ts
 * import * as Output from "effect-contree/Output"
 * import * as Stream from "effect/Stream"
 *
 * const saved = Stream.make("hello").pipe(Stream.encodeText, Stream.run(Output.toFile("./hello.txt")))
 * ```
 *
 * @since 0.1.0
 * @category sinks
 */
export const toFile = (
  path: string,
  options?: { readonly overwrite?: boolean | undefined }
): Sink.Sink<void, Uint8Array, never, PlatformError, FileSystem> => LocalFile.sink("Output.toFile", path, options)
