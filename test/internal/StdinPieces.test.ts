import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { cut, maxPiece } from "../../src/internal/StdinPieces.js"

describe("the pieces of an input", () => {
  it("are all of its bytes in order, full but for the last, and none is empty", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        (values, limit) => {
          const pieces = cut(values, limit)
          expect(pieces.flatMap((piece) => [...piece])).toEqual(values.flatMap((value) => [...value]))
          expect(pieces.slice(0, -1).every((piece) => piece.length === limit)).toBe(true)
          expect(pieces.every((piece) => piece.length > 0 && piece.length <= limit)).toBe(true)
        }
      )
    )
  })

  it("are of 64 KiB", () => {
    expect(cut([new Uint8Array(150_000)]).map((piece) => piece.length)).toEqual([
      maxPiece,
      maxPiece,
      150_000 - 2 * maxPiece
    ])
    expect(maxPiece).toBe(65_536)
  })

  it("a value that fits is not copied", () => {
    const value = new Uint8Array(10)
    expect(cut([value])[0]?.buffer).toBe(value.buffer)
  })
})
