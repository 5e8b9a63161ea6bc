/**
 * Server-sent events as the WHATWG rules read them: bytes in, arrays of frames out. Every byte is looked at once and
 * copied at most once more, whatever the chunks; a frame over the limit fails.
 */
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { concat } from "./Bytes.js"

export interface Frame {
  /** the last id seen up to here: it stays until another comes */
  readonly id: string
  readonly event: string
  readonly data: string
}

export class FrameTooLarge extends Data.TaggedError("FrameTooLarge")<{ readonly limit: number }> {}

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

/** the state of one connection; `push` throws `FrameTooLarge` */
export class Decoder {
  // A line is decoded when it is whole: no character of UTF-8 contains the bytes of LF or CR.
  private readonly utf8 = new TextDecoder("utf-8", { ignoreBOM: true })
  private pending: Array<Uint8Array> = []
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
      this.pending.push(bytes.slice(from))
    }
    return frames
  }

  private count(bytes: number): void {
    this.frameBytes += bytes
    if (this.frameBytes > this.limit) throw new FrameTooLarge({ limit: this.limit })
  }

  private takeLine(last: Uint8Array): string {
    const whole = this.pending.length === 0 ? last : concat([...this.pending, last])
    this.pending = []
    const text = this.utf8.decode(whole)
    if (!this.isFirst) return text
    this.isFirst = false
    return text.startsWith("\ufeff") ? text.slice(1) : text
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
      // `retry` too: when to come back is the program's to say.
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

/** the frames of a stream of bytes; an unterminated last one is dropped. The stream may be run twice. */
export const frames = <E, R>(
  self: Stream.Stream<Uint8Array, E, R>,
  limit: number = maxFrameBytes
): Stream.Stream<Frame, E | FrameTooLarge, R> =>
  Stream.suspend(() => {
    const decoder = new Decoder(limit)
    return Stream.mapChunksEffect(self, (chunks) =>
      Effect.try({
        try: () => {
          const all: Array<Frame> = []
          for (const bytes of chunks) for (const frame of decoder.push(bytes)) all.push(frame)
          return Chunk.unsafeFromArray(all)
        },
        catch: () => new FrameTooLarge({ limit })
      }))
  })
