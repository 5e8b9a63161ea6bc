/**
 * Bytes inside JSON, as `effect-contree/StreamRepr` has them, by Node's own base64: this is done to every byte of output.
 * Protocol: section 3.3.
 *
 * @since 0.1.0
 */

/** How bytes stand in JSON. */
export interface Representation {
  readonly value: string
  readonly encoding: "ascii" | "base64"
}

const isPlain = (bytes: Uint8Array): boolean =>
  bytes.every((byte) => (byte >= 0x20 && byte <= 0x7e) || byte === 0x0a || byte === 0x09 || byte === 0x0d)

/**
 * The one representation of these bytes: text when all of them are printable ASCII, tab, LF or CR, else base64.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromBytes = (bytes: Uint8Array): Representation => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return isPlain(bytes)
    ? { value: buffer.toString("latin1"), encoding: "ascii" }
    : { value: buffer.toString("base64"), encoding: "base64" }
}

/**
 * The bytes of what `fromBytes` made.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toBytes = (represented: Representation): Buffer =>
  Buffer.from(represented.value, represented.encoding === "base64" ? "base64" : "latin1")
