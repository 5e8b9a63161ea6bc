/**
 * The beginning of a stream of bytes, known by its length and a digest: enough to tell whether other bytes begin with it
 * too, however long it is.
 */
export interface Prefix {
  readonly length: number
  readonly digest: number
}

// FNV-1a of 32 bits: it is to notice a loss, not an attack
const basis = 0x811c9dc5 | 0
const prime = 0x01000193

const digestOf = (start: number, bytes: Uint8Array, end: number): number => {
  let digest = start
  for (let i = 0; i < end; i++) digest = Math.imul(digest ^ bytes[i]!, prime)
  return digest
}

export const empty: Prefix = { length: 0, digest: basis }

export const extended = (prefix: Prefix, bytes: Uint8Array): Prefix => ({
  length: prefix.length + bytes.length,
  digest: digestOf(prefix.digest, bytes, bytes.length)
})

/** What the bytes have after it; `undefined` when they do not begin with it. */
export const restAfter = (prefix: Prefix, bytes: Uint8Array): Uint8Array | undefined =>
  bytes.length >= prefix.length && digestOf(basis, bytes, prefix.length) === prefix.digest
    ? bytes.subarray(prefix.length)
    : undefined
