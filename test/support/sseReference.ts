/**
 * Server-sent events once more: slow, by the letter of the standard, and a generator of inputs to compare with.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
import * as Sse from "../../src/internal/Sse.js"

export interface Read {
  readonly frames: ReadonlyArray<Sse.Frame>
  readonly retryMillis: number | undefined
}

/** The rules, one after the other, over the whole text at once: plain enough to check by eye. */
export const reference = (bytes: Uint8Array): Read => {
  // "Streams must be decoded using the UTF-8 decode algorithm", which strips one byte order mark.
  const text = new TextDecoder("utf-8").decode(bytes)
  const lines = text.split(/\r\n|\n|\r/)
  // What follows the last line end is no line yet.
  lines.pop()
  const frames: Array<Sse.Frame> = []
  let retryMillis: number | undefined
  let lastId = ""
  let dataBuffer = ""
  let typeBuffer = ""
  for (const line of lines) {
    if (line === "") {
      if (dataBuffer === "") {
        typeBuffer = ""
        continue
      }
      const data = dataBuffer.endsWith("\n") ? dataBuffer.slice(0, -1) : dataBuffer
      frames.push({ id: lastId, event: typeBuffer === "" ? "message" : typeBuffer, data })
      dataBuffer = ""
      typeBuffer = ""
      continue
    }
    if (line.startsWith(":")) continue
    const [, name, value = ""] = /^([^:]*)(?::[ ]?([^]*))?$/.exec(line)!
    if (name === "event") typeBuffer = value
    if (name === "data") dataBuffer += `${value}\n`
    if (name === "id" && !value.includes("\0")) lastId = value
    // "If the field value consists of only ASCII digits"
    if (name === "retry" && /^[0-9]+$/.test(value)) retryMillis = Math.min(Number(value), Sse.maxRetryMillis)
  }
  return { frames, retryMillis }
}

/** Numbers of a seed: the same everywhere (xorshift of 32 bits). */
export const numbers = (seed: number): (below: number) => number => {
  let state = (seed | 0) || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** what the rules speak of, then what they do not */
const atoms: ReadonlyArray<ReadonlyArray<number>> = [
  "\n",
  "\r",
  "\r\n",
  "\n\n",
  ":",
  ": ",
  " ",
  "\0",
  "\ufeff",
  "data",
  "data:",
  "event:",
  "id",
  "id:",
  "retry:",
  "12",
  "x",
  "é",
  "😀"
].map((text) => [...new TextEncoder().encode(text)]).concat([[0xef], [0xef, 0xbb], [0xff], [0xc3]])

const inputOf = (next: (below: number) => number): Uint8Array => {
  const bytes: Array<number> = []
  const length = 1 + next(24)
  for (let i = 0; i < length; i++) {
    // one byte in sixteen is any byte at all
    if (next(16) === 0) bytes.push(next(256))
    else bytes.push(...atoms[next(atoms.length)]!)
  }
  return Uint8Array.from(bytes)
}

/** A few cuts anywhere, in one input of eight after each byte. */
const readInPieces = (bytes: Uint8Array, next: (below: number) => number): Read => {
  const decoder = new Sse.Decoder()
  const frames: Array<Sse.Frame> = []
  const longest = next(8) === 0 ? 1 : 1 + next(bytes.length)
  for (let from = 0; from < bytes.length;) {
    const to = Math.min(bytes.length, from + 1 + next(longest))
    frames.push(...decoder.push(bytes.subarray(from, to)))
    from = to
  }
  return { frames, retryMillis: decoder.retryMillis }
}

const same = (a: Read, b: Read): boolean =>
  a.retryMillis === b.retryMillis && a.frames.length === b.frames.length &&
  a.frames.every((frame, i) => {
    const other = b.frames[i]!
    return frame.id === other.id && frame.event === other.event && frame.data === other.data
  })

/** The first inputs, in hexadecimal, that the decoder and the rules read differently. */
export const differences = (
  { count, seed }: { readonly seed: number; readonly count: number }
): ReadonlyArray<string> => {
  const next = numbers(seed)
  const found: Array<string> = []
  for (let i = 0; i < count && found.length < 5; i++) {
    const bytes = inputOf(next)
    if (!same(readInPieces(bytes, next), reference(bytes))) found.push(Buffer.from(bytes).toString("hex"))
  }
  return found
}
