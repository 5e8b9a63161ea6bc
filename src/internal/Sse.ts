/**
 * Server-sent events as the WHATWG rules read them: bytes in, arrays of frames out. Every byte is looked at once and
 * copied a few times at most, whatever the chunks; a frame over the limit fails.
 */
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

export interface Frame {
  /** the last id seen up to here: it stays until another comes */
  readonly id: string
  readonly event: string
  readonly data: string
}

export class FrameTooLarge extends Data.TaggedError("FrameTooLarge")<{ readonly limit: number }> {}

/** a day: what a server may ask for at most, whatever it writes */
export const maxRetryMillis = 24 * 60 * 60 * 1000

/** 32 MiB: two outputs of the largest size in base64 would still fit */
export const maxFrameBytes = 32 * 1024 * 1024

const LF = 10
const CR = 13

const endOfLine = (bytes: Uint8Array, from: number, lf: number, cr: number): { lf: number; cr: number; at: number } => {
  const nextLf = lf !== -1 && lf < from ? bytes.indexOf(LF, from) : lf
  const nextCr = cr !== -1 && cr < from ? bytes.indexOf(CR, from) : cr
  const at = nextLf === -1 ? nextCr : nextCr === -1 ? nextLf : Math.min(nextLf, nextCr)
  return { lf: nextLf, cr: nextCr, at }
}

/**
 * What there is of a line whose end has not come: one buffer that doubles, so that each byte is copied three times at
 * most, and a server that sends byte by byte costs one buffer and not one object for each.
 */
class Unfinished {
  private buffer = new Uint8Array(0)
  length = 0

  add(bytes: Uint8Array): void {
    const length = this.length + bytes.length
    if (length > this.buffer.length) {
      const grown = new Uint8Array(Math.max(256, length, this.buffer.length * 2))
      grown.set(this.bytes())
      this.buffer = grown
    }
    this.buffer.set(bytes, this.length)
    this.length = length
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }

  clear(): void {
    this.length = 0
    // one long line is no reason to keep its room for ever
    if (this.buffer.length > maxKeptBytes) this.buffer = new Uint8Array(0)
  }
}

const maxKeptBytes = 64 * 1024

/** the state of one connection; `push` throws `FrameTooLarge` */
export class Decoder {
  /** when the server wants us back after a break: its last `retry:` */
  retryMillis: number | undefined
  // A line is decoded when it is whole: no character of UTF-8 contains the bytes of LF or CR.
  private readonly utf8 = new TextDecoder("utf-8", { ignoreBOM: true })
  private readonly unfinished = new Unfinished()
  private frameBytes = 0
  private afterCr = false
  private isFirst = true
  private id = ""
  private event = ""
  private data: Array<string> = []

  constructor(private readonly limit: number = maxFrameBytes) {}

  push(bytes: Uint8Array): Array<Frame> {
    const frames: Array<Frame> = []
    let from = 0
    if (this.afterCr && bytes.length > 0) {
      this.afterCr = false
      if (bytes[0] === LF) from = 1
    }
    let ends = { lf: bytes.indexOf(LF, from), cr: bytes.indexOf(CR, from), at: -1 }
    for (;;) {
      ends = endOfLine(bytes, from, ends.lf, ends.cr)
      if (ends.at === -1) break
      this.count(ends.at - from)
      this.line(this.takeLine(bytes.subarray(from, ends.at)), frames)
      from = ends.at + 1
      if (bytes[ends.at] === CR) {
        if (from === bytes.length) this.afterCr = true
        else if (bytes[from] === LF) from++
      }
    }
    if (from < bytes.length) {
      this.count(bytes.length - from)
      this.unfinished.add(bytes.subarray(from))
    }
    return frames
  }

  private count(bytes: number): void {
    this.frameBytes += bytes
    if (this.frameBytes > this.limit) throw new FrameTooLarge({ limit: this.limit })
  }

  private takeLine(last: Uint8Array): string {
    const text = this.decode(last)
    if (!this.isFirst) return text
    this.isFirst = false
    return text.startsWith("\ufeff") ? text.slice(1) : text
  }

  private decode(last: Uint8Array): string {
    if (this.unfinished.length === 0) return this.utf8.decode(last)
    this.unfinished.add(last)
    const text = this.utf8.decode(this.unfinished.bytes())
    this.unfinished.clear()
    return text
  }

  private line(line: string, frames: Array<Frame>): void {
    if (line === "") return this.dispatch(frames)
    const colon = line.indexOf(":")
    if (colon === 0) {
      // Keep-alives between two frames belong to neither.
      if (this.data.length === 0) this.frameBytes = 0
      return
    }
    const field = colon === -1 ? line : line.slice(0, colon)
    const rest = colon === -1 ? "" : line.slice(colon + 1)
    this.field(field, rest.startsWith(" ") ? rest.slice(1) : rest)
  }

  private field(field: string, value: string): void {
    switch (field) {
      case "data":
        this.data.push(value)
        return
      case "event":
        this.event = value
        return
      case "id":
        if (!value.includes("\0")) this.id = value
        return
      case "retry":
        if (/^[0-9]+$/.test(value)) this.retryMillis = Math.min(Number(value), maxRetryMillis)
        return
      default:
    }
  }

  private dispatch(frames: Array<Frame>): void {
    if (this.data.length > 0) {
      const event = this.event === "" ? "message" : this.event
      frames.push({ id: this.id, event, data: this.data.join("\n") })
      this.data = []
    }
    this.event = ""
    this.frameBytes = 0
  }
}

/**
 * the frames of a stream of bytes; an unterminated last one is dropped. The stream may be run twice. `onRetry` is told
 * when the server says how long to wait before the next connection, in milliseconds.
 */
export const frames = <E, R>(
  self: Stream.Stream<Uint8Array, E, R>,
  limit: number = maxFrameBytes,
  onRetry?: (millis: number) => void
): Stream.Stream<Frame, E | FrameTooLarge, R> =>
  Stream.suspend(() => {
    const decoder = new Decoder(limit)
    let told: number | undefined
    return Stream.mapChunksEffect(self, (chunks) =>
      Effect.try({
        try: () => {
          const all: Array<Frame> = []
          for (const bytes of chunks) for (const frame of decoder.push(bytes)) all.push(frame)
          if (decoder.retryMillis !== undefined && decoder.retryMillis !== told) {
            told = decoder.retryMillis
            onRetry?.(told)
          }
          return Chunk.unsafeFromArray(all)
        },
        catch: () => new FrameTooLarge({ limit })
      }))
  })
