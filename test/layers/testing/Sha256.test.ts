import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { createHash } from "node:crypto"
import { sha256 } from "../../../src/layers/testing/Sha256.js"

describe("Sha256", () => {
  const bySystem = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

  it("agrees with the system's at every length around its blocks", () => {
    for (let length = 0; length < 200; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7)
      expect([length, sha256(bytes)]).toEqual([length, bySystem(bytes)])
    }
  })

  it("agrees with the system's on anything", () =>
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => sha256(bytes) === bySystem(bytes))))
})
