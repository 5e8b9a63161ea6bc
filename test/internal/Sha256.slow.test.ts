import { describe, expect, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import * as Sha256 from "../../src/internal/Sha256.js"

describe("SHA-256", () => {
  // the length goes in as bits, in two words of 32: 512 MiB is where the upper one begins
  it("a length whose bits need more than 32 of them", () => {
    const piece = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 131 + (i >> 8)) & 255)
    const [hasher, hash] = [Sha256.portable(), createHash("sha256")]
    for (let i = 0; i < 513; i++) {
      hasher.update(piece)
      hash.update(piece)
    }
    expect(hasher.hex()).toBe(hash.digest("hex"))
  })
})
