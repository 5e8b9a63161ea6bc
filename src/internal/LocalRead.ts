/** Reading a local file from its beginning, as many bytes as it had when it was looked at, or to its end. */
import type * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Sha256 from "./Sha256.js"
import * as SpareBytes from "./SpareBytes.js"

/** in bytes: what a piece costs on its way through a `Stream` is then little beside what its bytes cost */
const pieceSize = 256 * 1024

/** Reads on into a buffer, and says how many came; none are the end. */
type Read = (buffer: Uint8Array) => Effect.Effect<number, PlatformError.PlatformError>

const reader = (file: FileSystem.File, size: number | undefined): Read => {
  let left = size ?? Infinity
  return (buffer) =>
    Effect.suspend(() => {
      if (left <= 0) return Effect.succeed(0)
      return Effect.map(file.read(left < buffer.length ? buffer.subarray(0, left) : buffer), (read) => {
        left -= Number(read)
        return Number(read)
      })
    })
}

const open = (local: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.open(local, { flag: "r" }))

/** In hexadecimal. One buffer for the whole of it. */
export const sha256 = (
  local: string,
  size: number | undefined
): Effect.Effect<string, PlatformError.PlatformError, FileSystem.FileSystem> =>
  Effect.scoped(Effect.gen(function*() {
    const read = reader(yield* open(local), size)
    const hasher = Sha256.make()
    const buffer = new Uint8Array(pieceSize)
    for (;;) {
      const count = yield* read(buffer)
      if (count === 0) return hasher.hex()
      hasher.update(buffer.subarray(0, count))
    }
  }))

/** Pieces that may be given back (`SpareBytes`), and are one's own otherwise. */
export const stream = (
  local: string,
  size: number | undefined
): Stream.Stream<Uint8Array, PlatformError.PlatformError, FileSystem.FileSystem> =>
  Stream.unwrapScoped(Effect.map(open(local), (file) => {
    const read = reader(file, size)
    const spare = SpareBytes.make(pieceSize)
    const piece = Effect.suspend(() => {
      const buffer = spare.take()
      return Effect.map(read(buffer), (count) => {
        if (count < buffer.length) return buffer.subarray(0, count)
        spare.lend(buffer)
        return buffer
      })
    })
    return Stream.repeatEffectChunkOption(Effect.matchEffect(piece, {
      onFailure: (error) => Effect.fail(Option.some(error)),
      onSuccess: (bytes) => bytes.length === 0 ? Effect.fail(Option.none()) : Effect.succeed(Chunk.of(bytes))
    }))
  }))
