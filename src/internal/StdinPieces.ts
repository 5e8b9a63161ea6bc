/** How bytes for a process's stdin are cut into requests. */
import { concat } from "./Bytes.js"

/** bytes of one request: what a pipe of Linux holds */
export const maxPiece = 64 * 1024

/** The same bytes in the same order, in as few pieces as `limit` allows. A value that is a piece alone is not copied. */
export const cut = (values: Iterable<Uint8Array>, limit: number = maxPiece): ReadonlyArray<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  let parts: Array<Uint8Array> = []
  let size = 0
  const flush = (): void => {
    if (size === 0) return
    pieces.push(concat(parts))
    parts = []
    size = 0
  }
  for (const value of values) {
    let from = 0
    while (from < value.length) {
      const part = value.subarray(from, from + limit - size)
      parts.push(part)
      size += part.length
      from += part.length
      if (size === limit) flush()
    }
  }
  flush()
  return pieces
}
