/**
 * A file of an image that is open for reading: the service gives whole files, from their beginning on.
 *
 * @since 0.1.0
 */
import type { PlatformError, SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { concat, copy } from "../internal/Bytes.js"

/**
 * What a file is made of.
 *
 * @internal
 */
export interface Source {
  readonly content: Stream.Stream<Uint8Array, PlatformError>
  readonly stat: Effect.Effect<FileSystem.File.Info, PlatformError>
  readonly denied: (method: string) => SystemError
}

/** a download that goes on, and where it is */
interface Download {
  readonly scope: Scope.CloseableScope
  readonly pull: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<PlatformError>>
  at: bigint
  /** came with what was read, and begins at `at` */
  held: Uint8Array
  isOver: boolean
  /** failed or was interrupted: nobody knows what it would give next */
  isBroken: boolean
}

/**
 * Reading on goes on with the one download, forward also past what nobody wants; going back begins a new one. Fails where
 * there is nothing to read before anything is read from it. Its descriptor is none of this machine's.
 *
 * @internal
 */
export const open = (source: Source): Effect.Effect<FileSystem.File, PlatformError, Scope.Scope> =>
  Effect.gen(function*() {
    const lock = Effect.unsafeMakeSemaphore(1)
    const owner = yield* Effect.scope
    let position = 0n

    const start: Effect.Effect<Download> = Effect.gen(function*() {
      const scope = yield* Scope.fork(owner, { _tag: "Sequential" })
      const pull = yield* Scope.extend(Stream.toPull(source.content), scope)
      return { scope, pull, at: 0n, held: new Uint8Array(0), isOver: false, isBroken: false }
    })

    const refill = (download: Download): Effect.Effect<void, PlatformError> =>
      download.pull.pipe(
        Effect.map((pieces) => {
          download.held = concat(Chunk.toReadonlyArray(pieces))
        }),
        Effect.catchAll(Option.match({
          onNone: () =>
            Effect.sync(() => {
              download.isOver = true
            }),
          onSome: (error) => Effect.fail(error)
        })),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            download.isBroken = Exit.isFailure(exit)
          })
        )
      )

    let download = yield* start
    yield* refill(download)

    const restart = Effect.suspend(() => Scope.close(download.scope, Exit.void)).pipe(
      Effect.zipRight(start),
      Effect.map((fresh) => {
        download = fresh
      })
    )

    /** the next bytes at the position, `size` at most; none at the end */
    const next = (size: number): Effect.Effect<Uint8Array, PlatformError> =>
      Effect.gen(function*() {
        if (download.isBroken || download.at > position) yield* restart
        while (true) {
          const skipped = position - download.at
          const skip = skipped < BigInt(download.held.length) ? Number(skipped) : download.held.length
          download.at += BigInt(skip)
          download.held = download.held.subarray(skip)
          if (download.held.length > 0 || download.isOver) break
          yield* refill(download)
        }
        const bytes = copy(download.held.subarray(0, size))
        download.held = download.held.subarray(bytes.length)
        download.at += BigInt(bytes.length)
        position += BigInt(bytes.length)
        return bytes
      }).pipe(lock.withPermits(1))

    const denied = (method: string) => () => Effect.fail(source.denied(method))
    return {
      [FileSystem.FileTypeId]: FileSystem.FileTypeId,
      fd: FileSystem.FileDescriptor(-1),
      stat: source.stat,
      seek: (offset, from) =>
        Effect.sync(() => {
          const wanted = FileSystem.Size(offset) + (from === "current" ? position : 0n)
          position = wanted < 0n ? 0n : wanted
        }).pipe(lock.withPermits(1)),
      sync: Effect.void,
      read: (buffer) =>
        Effect.map(next(buffer.length), (bytes) => {
          buffer.set(bytes)
          return FileSystem.Size(bytes.length)
        }),
      readAlloc: (size) =>
        Effect.map(next(Number(size)), (bytes) => bytes.length === 0 ? Option.none() : Option.some(bytes)),
      truncate: denied("truncate"),
      write: denied("write"),
      writeAll: denied("writeAll")
    }
  })

/**
 * A part of it; after that no more is read.
 *
 * @internal
 */
export const slice =
  (offset: FileSystem.SizeInput = 0, length?: FileSystem.SizeInput) =>
  <E, R>(self: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Uint8Array, E, R> => {
    const end = length === undefined ? undefined : BigInt(offset) + BigInt(length)
    if (end === undefined && BigInt(offset) === 0n) return self
    return Stream.suspend(() => {
      let skip = BigInt(offset)
      let left = length === undefined ? undefined : BigInt(length)
      if (left !== undefined && left <= 0n) return Stream.empty
      return Stream.mapAccum(self, undefined, (_, bytes) => {
        const from = skip < BigInt(bytes.length) ? Number(skip) : bytes.length
        skip -= BigInt(from)
        const wanted = bytes.subarray(from)
        const piece = left !== undefined && left < BigInt(wanted.length) ? wanted.subarray(0, Number(left)) : wanted
        if (left !== undefined) left -= BigInt(piece.length)
        return [undefined, { piece, isLast: left === 0n }] as const
      }).pipe(
        Stream.takeUntil(({ isLast }) => isLast),
        Stream.map(({ piece }) => piece),
        Stream.filter((piece) => piece.length > 0)
      )
    })
  }

/**
 * In pieces of that size at most; as it came when none is given.
 *
 * @internal
 */
export const split = (
  bytes: Uint8Array,
  chunkSize: FileSystem.SizeInput | undefined
): ReadonlyArray<Uint8Array> => {
  const size = Number(chunkSize ?? 0)
  if (size <= 0 || bytes.length <= size) return [bytes]
  const pieces: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return pieces
}
