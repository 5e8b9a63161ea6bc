/**
 * SHA-256 a piece at a time, in constant memory: what WebCrypto, which wants the whole at once, cannot do. FIPS 180-4.
 */

const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** the first 32 bits of the fractional parts of a root of the first primes: square roots begin, cube roots are the rounds */
const fractions = (count: number, root: (n: number) => number): Int32Array => {
  const out = new Int32Array(count)
  let found = 0
  for (let n = 2; found < count; n++) {
    let isPrime = true
    for (let d = 2; d * d <= n; d++) if (n % d === 0) isPrime = false
    if (isPrime) out[found++] = Math.floor((root(n) % 1) * 2 ** 32)
  }
  return out
}

const rounds = fractions(64, Math.cbrt)
const start = fractions(8, Math.sqrt)

/** the schedule of one block: no two blocks are hashed at once, so all hashers share it */
const w = new Int32Array(64)

/** Hashes whole blocks, 64 bytes each, from `at` on; gives where it stopped. */
const compress = (state: Int32Array, bytes: Uint8Array, at: number, end: number): number => {
  let s0 = state[0]!, s1 = state[1]!, s2 = state[2]!, s3 = state[3]!
  let s4 = state[4]!, s5 = state[5]!, s6 = state[6]!, s7 = state[7]!
  for (; at + 64 <= end; at += 64) {
    for (let i = 0, j = at; i < 16; i++, j += 4) {
      w[i] = (bytes[j]! << 24) | (bytes[j + 1]! << 16) | (bytes[j + 2]! << 8) | bytes[j + 3]!
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15]!
      const y = w[i - 2]!
      w[i] = (w[i - 16]! + w[i - 7]! +
        (((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)) +
        (((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10))) | 0
    }
    let a = s0, b = s1, c = s2, d = s3, e = s4, f = s5, g = s6, h = s7
    for (let i = 0; i < 64; i++) {
      const t1 = (h + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) +
        ((e & f) ^ (~e & g)) + rounds[i]! + w[i]!) | 0
      const t2 = ((((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) +
        ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    s0 = (s0 + a) | 0
    s1 = (s1 + b) | 0
    s2 = (s2 + c) | 0
    s3 = (s3 + d) | 0
    s4 = (s4 + e) | 0
    s5 = (s5 + f) | 0
    s6 = (s6 + g) | 0
    s7 = (s7 + h) | 0
  }
  state[0] = s0
  state[1] = s1
  state[2] = s2
  state[3] = s3
  state[4] = s4
  state[5] = s5
  state[6] = s6
  state[7] = s7
  return at
}

export interface Hasher {
  /** the bytes are read now: the array may be used for something else after */
  readonly update: (bytes: Uint8Array) => void
  /** bytes so far */
  readonly size: () => number
  /** 64 hexadecimal digits, of what came so far; more may come after */
  readonly hex: () => string
}

/** without any help */
export const portable = (): Hasher => {
  const state = start.slice()
  /** the block that is not full yet */
  const rest = new Uint8Array(64)
  let filled = 0
  let size = 0
  return {
    size: () => size,
    update: (bytes) => {
      let at = 0
      size += bytes.length
      if (filled > 0) {
        at = Math.min(64 - filled, bytes.length)
        rest.set(bytes.subarray(0, at), filled)
        filled += at
        if (filled < 64) return
        compress(state, rest, 0, 64)
        filled = 0
      }
      at = compress(state, bytes, at, bytes.length)
      filled = bytes.length - at
      if (filled > 0) rest.set(bytes.subarray(at))
    },
    hex: () => {
      // a bit that is set, then zeros, then the length in bits: in one block more, or two
      const last = new Uint8Array(filled < 56 ? 64 : 128)
      last.set(rest.subarray(0, filled))
      last[filled] = 0x80
      const view = new DataView(last.buffer)
      view.setUint32(last.length - 8, Math.floor(size / 2 ** 29))
      view.setUint32(last.length - 4, (size * 8) >>> 0)
      const final = state.slice()
      compress(final, last, 0, last.length)
      let hex = ""
      for (const word of final) {
        hex += hexOf[word >>> 24]! + hexOf[(word >>> 16) & 255]! + hexOf[(word >>> 8) & 255]! + hexOf[word & 255]!
      }
      return hex
    }
  }
}

let current: () => Hasher = portable

/** Wherever there is a faster one that gives the same digests: it is used from now on. */
export const provide = (make: () => Hasher): void => {
  current = make
}

export const make = (): Hasher => current()

/** of a whole that is in memory */
export const hex = (bytes: Uint8Array): string => {
  const hasher = make()
  hasher.update(bytes)
  return hasher.hex()
}
