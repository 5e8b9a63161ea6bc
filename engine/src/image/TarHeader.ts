/**
 * Headers of a tar archive: ustar, with a PAX header where ustar cannot say it. Written here, since `tar-stream` takes
 * names as text and so loses those that are not UTF-8.
 *
 * @since 0.1.0
 */
import type { Bytes } from "./HostBytes.js"
import { toBuffer } from "./HostBytes.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Member {
  readonly name: Bytes
  readonly link: Bytes
  readonly type: "0" | "1" | "2" | "3" | "4" | "5" | "6" | "x"
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly owner: string
  readonly group: string
  /** bytes that follow the header; 0 for all but regular files */
  readonly size: number
  /** seconds since 1970 */
  readonly mtime: number
  readonly major: number
  readonly minor: number
}

/**
 * @since 0.1.0
 * @category constants
 */
export const blockBytes = 512

/**
 * What fills the last block of a member with this many bytes.
 *
 * @since 0.1.0
 * @category encoding
 */
export const padding = (size: number): Buffer => Buffer.alloc((blockBytes - size % blockBytes) % blockBytes)

/**
 * What ends an archive.
 *
 * @since 0.1.0
 * @category constants
 */
export const end: Buffer = Buffer.alloc(2 * blockBytes)

/** digits and a NUL; what does not fit has a PAX record, and reads as 0 here */
const octal = (value: number, width: number): string => {
  const digits = value < 0 ? "" : value.toString(8)
  return (digits.length < width ? digits : "").padStart(width - 1, "0") + "\0"
}

const fits = (value: number, width: number): boolean => value >= 0 && value.toString(8).length < width

const asciiOrNothing = (text: string): string => /^[\x20-\x7e]*$/.test(text) ? text : ""

const block = (member: Member): Buffer => {
  const bytes = Buffer.alloc(blockBytes)
  const put = (value: Bytes, at: number, width: number): void => {
    bytes.write(value.slice(0, width), at, "latin1")
  }
  put(member.name, 0, 100)
  put(octal(member.mode & 0o7777, 8), 100, 8)
  put(octal(member.uid, 8), 108, 8)
  put(octal(member.gid, 8), 116, 8)
  put(octal(member.size, 12), 124, 12)
  put(octal(member.mtime, 12), 136, 12)
  put("        ", 148, 8)
  put(member.type, 156, 1)
  put(member.link, 157, 100)
  put("ustar\x0000", 257, 8)
  put(asciiOrNothing(member.owner), 265, 31)
  put(asciiOrNothing(member.group), 297, 31)
  put(octal(member.major, 8), 329, 8)
  put(octal(member.minor, 8), 337, 8)
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8)
  return bytes
}

/** `<length> key=value\n`, where the length counts itself */
const record = (key: string, value: Bytes): Bytes => {
  const rest = ` ${key}=${value}\n`
  const guess = rest.length + String(rest.length).length
  return `${rest.length + String(guess).length}${rest}`
}

const utf8 = new TextDecoder("utf-8", { fatal: true })

const isUtf8 = (bytes: Bytes): boolean => {
  try {
    utf8.decode(toBuffer(bytes))
    return true
  } catch {
    return false
  }
}

/** A short name that is not UTF-8 goes as it is: PAX would promise UTF-8. A long one has no other place. */
const needsRecord = (name: Bytes): boolean => name.length > 100 || (!/^[\x00-\x7f]*$/.test(name) && isUtf8(name))

const records = (member: Member): Bytes =>
  [
    needsRecord(member.name) ? record("path", member.name) : "",
    needsRecord(member.link) ? record("linkpath", member.link) : "",
    fits(member.size, 12) ? "" : record("size", String(member.size)),
    fits(member.uid, 8) ? "" : record("uid", String(member.uid)),
    fits(member.gid, 8) ? "" : record("gid", String(member.gid)),
    fits(member.mtime, 12) ? "" : record("mtime", String(member.mtime))
  ].join("")

/**
 * The header of a member, with its PAX header before it if it needs one.
 *
 * @since 0.1.0
 * @category encoding
 */
export const encode = (member: Member): Buffer => {
  const extra = toBuffer(records(member))
  if (extra.length === 0) return block(member)
  // `x`: the records are about the member that follows.
  const pax = block({ ...member, type: "x", name: "PaxHeader", link: "", mode: 0o644, size: extra.length })
  return Buffer.concat([pax, extra, padding(extra.length), block(member)])
}
