/**
 * The last of an output, for errors: short, and never begun in the middle of a character.
 */

/** bytes */
export const tailLimit = 4096

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80

/** The last bytes, begun at a character. */
export const tail = (bytes: Uint8Array, limit: number = tailLimit): Uint8Array => {
  if (bytes.length <= limit) return bytes
  let start = bytes.length - limit
  // a character of UTF-8 is at most four bytes: more continuations than three are no text, and are left as they are
  for (let i = 0; i < 3 && isContinuation(bytes[start]); i++) start++
  return bytes.subarray(start)
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true })

export const tailText = (bytes: Uint8Array): string => utf8.decode(tail(bytes))
