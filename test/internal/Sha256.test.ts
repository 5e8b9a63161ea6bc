import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { createHash } from "node:crypto"
import * as Sha256 from "../../src/internal/Sha256.js"
import * as NativeSha256 from "../../src/node/internal/NativeSha256.js"

const reference = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** bytes that differ from their neighbours */
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 131 + (i >> 8)) & 255)

const makers = [["of our own", Sha256.portable], ["of Node", NativeSha256.make]] as const

describe.each(makers)("SHA-256 %s", (_, make) => {
  const hexOf = (bytes: Uint8Array): string => {
    const hasher = make()
    hasher.update(bytes)
    return hasher.hex()
  }

  it("every length around the borders of blocks", () => {
    for (let length = 0; length <= 400; length++) {
      expect([length, hexOf(pattern(length))]).toEqual([length, reference(pattern(length))])
    }
  })

  it("every chunking, and bytes that are a view into more", () => {
    FastCheck.assert(FastCheck.property(
      FastCheck.uint8Array({ maxLength: 600 }),
      FastCheck.array(FastCheck.integer({ min: 0, max: 130 }), { maxLength: 20 }),
      FastCheck.integer({ min: 0, max: 70 }),
      (bytes, sizes, offset) => {
        const whole = new Uint8Array(bytes.length + offset + 3)
        whole.set(bytes, offset)
        const hasher = make()
        let at = 0
        for (const size of [...sizes, bytes.length]) {
          const piece = whole.subarray(offset + at, offset + Math.min(bytes.length, at + size))
          // read at once: whoever gave it may use it again
          const lent = piece.slice()
          hasher.update(lent)
          lent.fill(255)
          at += piece.length
          expect(hasher.size()).toBe(at)
          expect(hasher.hex()).toBe(reference(bytes.subarray(0, at)))
        }
      }
    ))
  })

  it("two at once do not meet", () => {
    const [a, b] = [make(), make()]
    for (let i = 0; i < 50; i++) {
      a.update(pattern(i))
      b.update(pattern(2 * i + 1))
    }
    const joined = (size: (i: number) => number) =>
      Buffer.concat(Array.from({ length: 50 }, (_, i) => pattern(size(i))))
    expect([a.hex(), b.hex()]).toEqual([reference(joined((i) => i)), reference(joined((i) => 2 * i + 1))])
  })
})
