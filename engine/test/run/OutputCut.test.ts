import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as StreamRepr from "effect-contree/StreamRepr"
import * as OutputCut from "../../src/run/OutputCut.js"

const bytesOf = (chunks: ReadonlyArray<OutputCut.OutputChunk>): Buffer =>
  Buffer.concat(chunks.map((chunk) => StreamRepr.toBytes(chunk) ?? new Uint8Array(0)))

describe("OutputCut", () => {
  it.prop(
    "lets exactly the first bytes through, counts the rest, and marks the cut once",
    [fc.nat(300), fc.array(fc.uint8Array({ maxLength: 120 }), { maxLength: 8 })],
    ([limit, pieces]) => {
      const cut = OutputCut.make(limit)
      const chunks = pieces.flatMap((piece) => cut.take(piece))
      const all = Buffer.concat(pieces)
      expect(bytesOf(chunks)).toEqual(all.subarray(0, limit))
      expect(cut.emitted()).toBe(Math.min(limit, all.length))
      expect(cut.dropped()).toBe(Math.max(0, all.length - limit))
      const marked = chunks.filter((chunk) => chunk.truncated === true)
      expect(marked).toHaveLength(all.length > limit ? 1 : 0)
      if (marked.length === 1) expect(chunks.at(-1)).toBe(marked[0])
    }
  )

  it("keeps every chunk small", () => {
    const chunks = OutputCut.make(10_000_000).take(new Uint8Array(OutputCut.chunkBytes * 2 + 1))
    expect(chunks.map((chunk) => StreamRepr.toBytes(chunk)?.length)).toEqual([
      OutputCut.chunkBytes,
      OutputCut.chunkBytes,
      1
    ])
  })

  it("says nothing when the output just fits", () => {
    const cut = OutputCut.make(4)
    expect(cut.take(Buffer.from("abcd"))).toEqual([{ value: "abcd", encoding: "ascii" }])
    expect(cut.take(Buffer.from("e"))).toEqual([{ value: "", encoding: "ascii", truncated: true }])
    expect(cut.take(Buffer.from("f"))).toEqual([])
    expect(cut.dropped()).toBe(2)
  })
})
