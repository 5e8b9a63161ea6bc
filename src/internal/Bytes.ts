/** one allocation for the whole, however many the parts */
export const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  if (parts.length === 1) return parts[0]!
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** memory of one's own: `slice` of a Buffer is but another view of what its owner may use again */
export const copy = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)
