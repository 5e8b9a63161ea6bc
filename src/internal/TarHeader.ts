/** One block of a tar that says what follows: ustar as POSIX has it, GNU's dialect, and what was before both. */
import { concat, copy } from "./Bytes.js"

export const blockSize = 512

export type Type = "File" | "HardLink" | "Symlink" | "CharacterDevice" | "BlockDevice" | "Directory" | "Fifo"

/** What an archive says of one thing in it. Names are as they stand there, without judgement. */
export interface Member {
  readonly type: Type
  readonly name: string
  /** where a link points to; empty for what is none */
  readonly link: string
  /** permission bits, `0o7777` at most */
  readonly mode: number
  /** how many bytes of content follow */
  readonly size: number
}

/** what a header is about: a member, or more about the member that comes next (or all that come) */
export interface Header {
  readonly flag: string
  readonly name: Uint8Array
  readonly link: Uint8Array
  readonly mode: number
  readonly size: number
}

/**
 * An archive that cannot be unpacked: `description` says what is wrong with it. `Cut`: it is not all there. `NotAFolder`:
 * nothing is, but what was asked for is something else.
 */
export class TarError {
  readonly _tag = "TarError"
  constructor(readonly description: string, readonly reason: "Broken" | "Cut" | "NotAFolder" = "Broken") {}
}

const ascii = new TextDecoder("latin1")

/** up to the first NUL, or all of it */
const text = (bytes: Uint8Array): Uint8Array => {
  const end = bytes.indexOf(0)
  return end === -1 ? bytes : bytes.subarray(0, end)
}

const unreadable = (what: string): TarError => new TarError(`the ${what} in one of its headers is no number`)

/** Octal digits, or (GNU, for what octal has no room for) the bytes of the number after a first one of 0x80. */
const number = (bytes: Uint8Array, what: string): number => {
  if (bytes[0]! >= 0x80) {
    if (bytes[0] !== 0x80) throw unreadable(what)
    return bytes.subarray(1).reduce((value, byte) => value * 256 + byte, 0)
  }
  const digits = ascii.decode(bytes).replace(/\0.*$/s, "").trim()
  if (digits === "") return 0
  if (!/^[0-7]+$/.test(digits)) throw unreadable(what)
  return Number.parseInt(digits, 8)
}

const checksumAt = 148

/** The sum of all bytes, those of the sum itself taken as spaces; some old programs added them up as signed. */
const isIntact = (block: Uint8Array): boolean => {
  let unsigned = 0
  let signed = 0
  for (let i = 0; i < blockSize; i++) {
    const byte = i >= checksumAt && i < checksumAt + 8 ? 32 : block[i]!
    unsigned += byte
    signed += byte > 127 ? byte - 256 : byte
  }
  const sum = number(block.subarray(checksumAt, checksumAt + 8), "checksum")
  return sum === unsigned || sum === signed
}

/** What a block says; throws a `TarError` when it is no header. */
export const parse = (block: Uint8Array): Header => {
  if (!isIntact(block)) throw new TarError("the checksum of one of its headers is wrong")
  const name = text(block.subarray(0, 100))
  const isPosix = ascii.decode(block.subarray(257, 263)) === "ustar\0"
  const prefix = isPosix ? text(block.subarray(345, 500)) : new Uint8Array(0)
  return {
    flag: String.fromCharCode(block[156]!),
    name: prefix.length === 0 ? copy(name) : concat([prefix, Uint8Array.of(47), name]),
    link: copy(text(block.subarray(157, 257))),
    mode: number(block.subarray(100, 108), "mode") & 0o7777,
    size: size(number(block.subarray(124, 136), "size"))
  }
}

/** Throws a `TarError` for a size that no file has. */
export const size = (value: number): number => {
  if (!Number.isSafeInteger(value) || value < 0) throw new TarError(`no file has the size ${value}`)
  return value
}
