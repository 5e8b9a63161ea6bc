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

/**
 * Exactly `size` bytes: a layer never changes, so a file that is shorter is damaged, and that is a failure.
 *
 * @since 0.1.0
 * @category reading
 */
export async function* pieces(host: Bytes, size: number): AsyncGenerator<Uint8Array, void, void> {
  const file = await fs.open(toBuffer(host), constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    for (let done = 0; done < size;) {
      const piece = Buffer.allocUnsafeSlow(Math.min(pieceBytes, size - done))
      const { bytesRead } = await file.read(piece, 0, piece.length, done)
      if (bytesRead === 0) {
        throw new ShortFile(`it ends after ${done} of ${size} bytes`)
      }
      done += bytesRead
      yield piece.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}
