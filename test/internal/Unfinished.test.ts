import { describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { expect, vi } from "vitest"
import { Unfinished } from "../../src/internal/Unfinished.js"

const most = 64 * 1024

/** the room that is kept for the next small piece */
const kept = (unfinished: Unfinished): number => {
  unfinished.add(Uint8Array.of(1))
  return unfinished.take().buffer.byteLength
}

const filled = (sizes: ReadonlyArray<number>): Unfinished => {
  const unfinished = new Unfinished()
  for (const size of sizes) unfinished.add(new Uint8Array(size))
  return unfinished
}

const small = Array.from({ length: 200 }, () => 4000)

describe("Unfinished", () => {
  it.prop(
    "gives back what was added, in order, time after time",
    [fc.array(fc.array(fc.oneof(fc.nat(300), fc.integer({ min: 4000, max: 5000 })), { maxLength: 60 }), {
      maxLength: 4
    })],
    ([rounds]) => {
      const unfinished = new Unfinished()
      for (const sizes of rounds) {
        const pieces = sizes.map((size, i) => new Uint8Array(size).fill(i + 1))
        for (const piece of pieces) unfinished.add(piece)
        const whole = Buffer.concat(pieces)
        expect(unfinished.length).toBe(whole.length)
        expect(whole.equals(unfinished.take())).toBe(true)
        expect(unfinished.length).toBe(0)
      }
    }
  )

  it.each([
    ["small pieces", small],
    ["small pieces and a large one", [...small, 5000]],
    ["small pieces on both sides of a large one", [...small, 5000, ...small]]
  ])("keeps little room after a long line of %s", (_, sizes) => {
    const unfinished = filled(sizes)
    unfinished.take()
    expect(kept(unfinished)).toBeLessThanOrEqual(most)
  })

  it("keeps the room of a short line, which the next one will want", () => {
    const unfinished = filled([2000, 5000])
    unfinished.take()
    expect(kept(unfinished)).toBeGreaterThanOrEqual(2000)
  })

  it("copies no long buffer to make place for a large piece", () => {
    const slice = vi.spyOn(Uint8Array.prototype, "slice")
    try {
      filled([...small, 5000])
      const copied = slice.mock.results.map(({ value }) => (value as Uint8Array).length)
      expect(copied.filter((size) => size > most)).toEqual([])
    } finally {
      // What stood on the prototype of all typed arrays is seen again.
      Reflect.deleteProperty(Uint8Array.prototype, "slice")
    }
  })
})
