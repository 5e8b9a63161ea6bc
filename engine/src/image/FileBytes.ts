/**
 * The bytes of one regular file of a layer, in pieces.
 *
 * @since 0.1.0
 */
import * as fs from "node:fs/promises"
import { constants } from "node:fs"
import type { Bytes } from "./HostBytes.js"
import { toBuffer } from "./HostBytes.js"

/**
 * A file that has less than it should.
 *
 * @since 0.1.0
 * @category errors
 */
export class ShortFile extends Error {}

const pieceBytes = 256 << 10

const fill = async (file: fs.FileHandle, piece: Buffer, at: number, size: number): Promise<void> => {
  for (let filled = 0; filled < piece.length;) {
    const { bytesRead } = await file.read(piece, filled, piece.length - filled, at + filled)
    if (bytesRead === 0) throw new ShortFile(`it ends after ${at + filled} of ${size} bytes`)
    filled += bytesRead
  }
}

/**
 * All of a small file, in memory of its own.
 *
 * @since 0.1.0
 * @category reading
 */
export const whole = async (host: Bytes, size: number): Promise<Uint8Array> => {
  const parts: Array<Uint8Array> = []
  for await (const piece of pieces(host, size)) parts.push(Uint8Array.from(piece))
  return Buffer.concat(parts)
}

/**
 * Exactly `size` bytes: a layer never changes, so a file that is shorter is damaged, and that is a failure.
 *
 * A piece holds its bytes until the next one is asked for, which comes in the same memory: buffers that are used once
 * would wait for the garbage collector, tens of megabytes of them. All are of one size, and large, but for the last: a
 * socket says of each of them when it is sent.
 *
 * @since 0.1.0
 * @category reading
 */
export async function* pieces(host: Bytes, size: number): AsyncGenerator<Uint8Array, void, void> {
  const file = await fs.open(toBuffer(host), constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, size))
    for (let done = 0; done < size; done += buffer.length) {
      const piece = buffer.subarray(0, Math.min(buffer.length, size - done))
      await fill(file, piece, done, size)
      yield piece
    }
  } finally {
    await file.close()
  }
}
