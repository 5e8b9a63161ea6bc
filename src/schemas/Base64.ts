/**
 * Base64 of RFC 4648, padded. Every byte of binary output goes through it, and the one of `effect/Encoding` builds its
 * text character by character: ten megabytes took seconds.
 *
 * @since 0.1.0
 */

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const characters = new Uint8Array(64)
const values = new Uint8Array(256).fill(255)
for (let i = 0; i < 64; i++) {
  characters[i] = alphabet.charCodeAt(i)
  values[alphabet.charCodeAt(i)] = i
}
const padding = "=".charCodeAt(0)
const ascii = new TextDecoder()
const utf8 = new TextEncoder()

/**
 * @internal
 */
export const encode = (bytes: Uint8Array): string => {
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4)
  let at = 0
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const triple = (bytes[i]! << 16) | ((left > 1 ? bytes[i + 1]! : 0) << 8) | (left > 2 ? bytes[i + 2]! : 0)
    out[at++] = characters[triple >> 18]!
    out[at++] = characters[(triple >> 12) & 63]!
    out[at++] = left > 1 ? characters[(triple >> 6) & 63]! : padding
    out[at++] = left > 2 ? characters[triple & 63]! : padding
  }
  return ascii.decode(out)
}

/**
 * `undefined` for text that is no padded base64; line breaks and the URL alphabet are none.
 *
 * @internal
 */
export const decode = (text: string): Uint8Array | undefined => {
  if (text.length % 4 !== 0) return undefined
  const input = utf8.encode(text)
  if (input.length !== text.length) return undefined
  const padded = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0
  const out = new Uint8Array(text.length / 4 * 3 - padded)
  let at = 0
  let invalid = 0
  for (let i = 0; i < input.length; i += 4) {
    const pads = i + 4 === input.length ? padded : 0
    const a = values[input[i]!]!
    const b = values[input[i + 1]!]!
    const c = pads > 1 ? 0 : values[input[i + 2]!]!
    const d = pads > 0 ? 0 : values[input[i + 3]!]!
    // only 255, which stands for "none of the alphabet", has the highest bit
    invalid |= a | b | c | d
    const quad = (a << 18) | (b << 12) | (c << 6) | d
    // what lies beyond the end is dropped: a typed array takes no more than its length
    out[at++] = quad >> 16
    out[at++] = quad >> 8
    out[at++] = quad
  }
  return (invalid & 128) === 0 ? out : undefined
}
