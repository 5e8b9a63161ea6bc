/** The records of a PAX header: `length key=value` lines, of bytes. */
import { TarError } from "./TarHeader.js"

/** An empty value takes back what was said before, for all members that come. */
export type Records = ReadonlyMap<string, Uint8Array>

const utf8 = new TextDecoder()
const [space, equals, newline] = [32, 61, 10]

/** Throws a `TarError` when they are no records. The values are views of the bytes. */
export const parse = (bytes: Uint8Array): Records => {
  const broken = new TarError("one of its PAX headers is broken")
  const records = new Map<string, Uint8Array>()
  let at = 0
  while (at < bytes.length) {
    const gap = bytes.indexOf(space, at)
    const digits = gap === -1 ? "" : utf8.decode(bytes.subarray(at, gap))
    const end = at + Number(digits)
    if (!/^[1-9]\d{0,9}$/.test(digits) || end > bytes.length || bytes[end - 1] !== newline) throw broken
    const equal = bytes.indexOf(equals, gap + 1)
    if (equal === -1 || equal > end - 1 || equal === gap + 1) throw broken
    records.set(utf8.decode(bytes.subarray(gap + 1, equal)), bytes.subarray(equal + 1, end - 1))
    at = end
  }
  return records
}
