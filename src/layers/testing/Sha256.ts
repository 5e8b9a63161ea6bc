/**
 * SHA-256 (FIPS 180-4), in this language alone: the double runs where there is no WebCrypto, and without waiting.
 *
 * @since 0.1.0
 */
import * as Ids from "../../schemas/Ids.js"

const isPrime = (n: number): boolean => {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false
  return true
}

const primes = Array.from({ length: 312 }, (_, n) => n).filter((n) => n >= 2 && isPrime(n))

/** the first 32 bits behind the point */
const fraction = (x: number): number => Math.floor((x - Math.floor(x)) * 2 ** 32) | 0

const rounds = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)))
const initial = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)))

const rotate = (x: number, by: number): number => (x >>> by) | (x << (32 - by))

/** with the bit, the zeros and the length behind it */
const padded = (bytes: Uint8Array): DataView => {
  const length = (Math.floor((bytes.length + 8) / 64) + 1) * 64
  const whole = new Uint8Array(length)
  whole.set(bytes)
  whole[bytes.length] = 0x80
  const view = new DataView(whole.buffer)
  view.setUint32(length - 8, Math.floor(bytes.length / 2 ** 29))
  view.setUint32(length - 4, bytes.length * 8)
  return view
}

/** @internal */
export const sha256 = (bytes: Uint8Array): Ids.Sha256 => {
  const view = padded(bytes)
  const hash = Int32Array.from(initial)
  const w = new Int32Array(64)
  for (let block = 0; block < view.byteLength; block += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(block + i * 4)
    for (let i = 16; i < 64; i++) {
      const [early, late] = [w[i - 15]!, w[i - 2]!]
      const s0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3)
      const s1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10)
      w[i] = w[i - 16]! + s0 + w[i - 7]! + s1
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = hash
    for (let i = 0; i < 64; i++) {
      const t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + rounds[i]! + w[i]!
      const t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
      ;[a, b, c, d, e, f, g, h] = [(t1 + t2) | 0, a, b, c, (d + t1) | 0, e, f, g]
    }
    ;[a, b, c, d, e, f, g, h].forEach((value, i) => {
      hash[i] = hash[i]! + value
    })
  }
  return Ids.Sha256.make(Array.from(hash, (word) => (word >>> 0).toString(16).padStart(8, "0")).join(""))
}
