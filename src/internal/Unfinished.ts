/**
 * What there is of a line whose end has not come. What is small goes into one buffer that doubles, so that a server that
 * sends byte by byte costs one buffer and not one object for each; what is large is kept as it came, and copied once, when
 * the whole is wanted.
 */
import { concat } from "./Bytes.js"

const large = 4096
const maxKept = 64 * 1024

export class Unfinished {
  private pieces: Array<Uint8Array> = []
  private buffer = new Uint8Array(0)
  /** of the buffer */
  private filled = 0
  length = 0

  add(bytes: Uint8Array): void {
    this.length += bytes.length
    if (bytes.length >= large) {
      this.flush()
      this.pieces.push(bytes)
      return
    }
    const filled = this.filled + bytes.length
    if (filled > this.buffer.length) {
      const grown = new Uint8Array(Math.max(256, filled, this.buffer.length * 2))
      grown.set(this.buffer.subarray(0, this.filled))
      this.buffer = grown
    }
    this.buffer.set(bytes, this.filled)
    this.filled = filled
  }

  /** The whole, good until the next is added; nothing is left. */
  take(): Uint8Array {
    this.length = 0
    const last = this.buffer.subarray(0, this.filled)
    const whole = this.pieces.length === 0 ? last : concat([...this.pieces, last])
    this.pieces = []
    this.empty()
    return whole
  }

  private flush(): void {
    if (this.filled === 0) return
    // A large one goes as it is: it would not be kept anyway.
    const isGiven = this.buffer.length > maxKept
    this.pieces.push(isGiven ? this.buffer.subarray(0, this.filled) : this.buffer.slice(0, this.filled))
    this.empty()
  }

  /** One long line is no reason to keep its room for ever. */
  private empty(): void {
    this.filled = 0
    if (this.buffer.length > maxKept) this.buffer = new Uint8Array(0)
  }
}
