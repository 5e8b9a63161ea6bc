/**
 * Server-sent events as the WHATWG rules read them: bytes in, arrays of frames out. Every byte is looked at once and
 * copied a few times at most, whatever the chunks; a frame over the limit fails.
 */
import * as Data from "effect/Data"
import { Unfinished } from "./Unfinished.js"

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

/** the state of one connection; `push` throws `FrameTooLarge`, and has put into `frames` what was whole before */
export class Decoder {
  /** when the server wants us back after a break: its last `retry:` */
  retryMillis: number | undefined
  // A line is decoded when it is whole: no character of UTF-8 contains the bytes of LF or CR.
  private readonly utf8 = new TextDecoder("utf-8", { ignoreBOM: true })
  private readonly unfinished = new Unfinished()
  /** of the lines of this frame, without their ends */
  private frameBytes = 0
  private afterCr = false
  private isFirst = true
  private id = ""
  private event = ""
  private data: string | undefined

  constructor(private readonly limit: number = maxFrameBytes) {}

  push(bytes: Uint8Array, frames: Array<Frame> = []): Array<Frame> {
    // Near the limit each line is counted before it is looked at.
    const isNear = this.frameBytes + bytes.length > this.limit
    if (isNear || this.isFirst || this.afterCr || !this.atOnce(bytes, frames)) this.byLines(bytes, frames)
    return frames
  }

  /** Nothing is done, and false, where a line has no end or ends with CR. */
  private atOnce(bytes: Uint8Array, frames: Array<Frame>): boolean {
    const last = bytes.length - 1
    // Most servers end a chunk where a frame ends.
    if (bytes[last] === LF && this.unfinished.length === 0) {
      const text = this.utf8.decode(bytes)
      // In a text it is found sooner than in bytes.
      if (text.includes("\r")) return false
      this.wholeLines(text, bytes, 0, bytes.length, frames)
      return true
    }
    const end = bytes.lastIndexOf(LF)
    if (end === -1 || bytes.indexOf(CR) !== -1) return false
    let from = 0
    if (this.unfinished.length > 0) {
      from = bytes.indexOf(LF) + 1
      this.frameBytes += from - 1
      this.line(this.decode(bytes.subarray(0, from - 1)), frames)
    }
    if (from <= end) this.wholeLines(this.utf8.decode(bytes.subarray(from, end + 1)), bytes, from, end + 1, frames)
    this.keep(bytes, end + 1)
    return true
  }

  /** Many lines at once: one text was made of them, and is cut. */
  private wholeLines(text: string, bytes: Uint8Array, from: number, to: number, frames: Array<Frame>): void {
    let start = 0
    /** where the frame began that has no end yet, and how many lines of it there are */
    let begun = 0
    let lines = 0
    let isBegunHere = false
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      lines++
      if (this.plainLine(text, start, end, frames)) {
        begun = end + 1
        lines = 0
        isBegunHere = true
      }
      start = end + 1
    }
    // A character is never shorter in bytes: where the lengths are one, so are the places.
    if (isBegunHere && text.length !== to - from) begun = afterLine(bytes, to, lines) - from
    this.frameBytes = (isBegunHere ? 0 : this.frameBytes) + to - from - begun - lines
  }

  /** Does what is counted begin anew after it? */
  private plainLine(text: string, start: number, end: number, frames: Array<Frame>): boolean {
    if (start === end) {
      this.dispatch(frames)
      return true
    }
    switch (text.charCodeAt(start)) {
      case 100: // d
        if (!text.startsWith("data:", start)) break
        this.append(valueOf(text, start + 5, end))
        return false
      case 101: // e
        if (!text.startsWith("event:", start)) break
        this.event = valueOf(text, start + 6, end)
        return false
      case 105: // i
        if (!text.startsWith("id:", start)) break
        this.field("id", valueOf(text, start + 3, end))
        return false
      case 58: // a comment
        return this.data === undefined
    }
    this.line(text.slice(start, end), frames)
    return false
  }

  private byLines(bytes: Uint8Array, frames: Array<Frame>): void {
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
    this.keep(bytes, from)
  }

  /** what has no end yet */
  private keep(bytes: Uint8Array, from: number): void {
    if (from >= bytes.length) return
    this.count(bytes.length - from)
    this.unfinished.add(from === 0 ? bytes : bytes.subarray(from))
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
    return this.utf8.decode(this.unfinished.take())
  }

  private line(line: string, frames: Array<Frame>): void {
    if (line === "") return this.dispatch(frames)
    const colon = line.indexOf(":")
    if (colon === 0) {
      // Keep-alives between two frames belong to neither.
      if (this.data === undefined) this.frameBytes = 0
      return
    }
    const field = colon === -1 ? line : line.slice(0, colon)
    this.field(field, colon === -1 ? "" : valueOf(line, colon + 1, line.length))
  }

  private field(field: string, value: string): void {
    switch (field) {
      case "data":
        this.append(value)
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

  private append(value: string): void {
    this.data = this.data === undefined ? value : `${this.data}\n${value}`
  }

  private dispatch(frames: Array<Frame>): void {
    if (this.data !== undefined) {
      frames.push({ id: this.id, event: this.event === "" ? "message" : this.event, data: this.data })
      this.data = undefined
    }
    this.event = ""
    this.frameBytes = 0
  }
}

/**
 * Where the last `lines` lines before `to` begin, of more. Looked for in the bytes: what is no UTF-8 is longer or shorter
 * in its text.
 */
const afterLine = (bytes: Uint8Array, to: number, lines: number): number => {
  let end = to - 1
  for (let left = lines; left > 0; left--) end = bytes.lastIndexOf(LF, end - 1)
  return end + 1
}

/** one space after the colon belongs to neither side */
const valueOf = (line: string, from: number, to: number): string =>
  line.slice(line.charCodeAt(from) === 32 ? from + 1 : from, to)
