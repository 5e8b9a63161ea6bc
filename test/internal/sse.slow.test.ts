import { describe, expect, it } from "vitest"
import { differences } from "../support/sseReference.js"

describe("Sse", () => {
  it("reads 1,200,000 seeded inputs as the rules say, however they are cut", () => {
    for (const seed of [1, 2, 3]) expect(differences({ seed, count: 400_000 })).toEqual([])
  })
})
