/**
 * How a layer's bytes become a tar. Which way they are compressed, their first bytes say: types of media are wrong often
 * enough.
 *
 * @since 0.1.0
 */
import { Decompress } from "fzstd"
import * as fs from "node:fs/promises"
import type { Duplex } from "node:stream"
import { PassThrough, Transform } from "node:stream"
import { createGunzip } from "node:zlib"
import { importError } from "./ImportError.js"
import * as ZstdFrames from "./ZstdFrames.js"

const firstBytes = async (path: string): Promise<Buffer> => {
  const file = await fs.open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** What a decoder gives a frame; the `zstd` tool gives no more either, unless it is told to. */
const maxWindow = 128 * 1024 * 1024

/** Each piece is decoded in one go, while nobody else has a turn. */
const pieceBytes = 16 * 1024

const zstd = (): Transform => {
  const frames = ZstdFrames.make()
  const out: Array<Buffer> = []
  const decoder = new Decompress((bytes) => out.push(Buffer.from(bytes)))

  const decode = (stream: Transform, bytes: Uint8Array, last: boolean): Error | null => {
    if (frames.follow(bytes).window > maxWindow) {
      return importError("TooLarge", "a layer is compressed so that reading it takes more than 128 MiB of memory")
    }
    try {
      decoder.push(Uint8Array.from(bytes), last)
    } catch (cause) {
      return importError(
        "BadContent",
        `a layer is no valid zstd: ${cause instanceof Error ? cause.message : String(cause)}`
      )
    }
    out.splice(0).forEach((decoded) => stream.push(decoded))
    return null
  }

  return new Transform({
    transform(piece: Buffer, _, done) {
      const next = (at: number): void => {
        const error = decode(this, piece.subarray(at, at + pieceBytes), false)
        if (error !== null || at + pieceBytes >= piece.length) return done(error)
        setImmediate(next, at + pieceBytes)
      }
      next(0)
    },
    flush(done) {
      done(decode(this, new Uint8Array(0), true))
    }
  })
}

/**
 * What makes the tar of a blob's bytes; those that are not compressed pass through.
 *
 * @since 0.1.0
 * @category streams
 */
export const decompress = async (path: string): Promise<Duplex> => {
  const first = await firstBytes(path)
  if (first[0] === 0x1f && first[1] === 0x8b) return createGunzip()
  return first.length === 8 && ZstdFrames.make().follow(first).valid ? zstd() : new PassThrough()
}
