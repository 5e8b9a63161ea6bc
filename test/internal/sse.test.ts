import { describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { expect } from "vitest"
import * as Sse from "../../src/internal/Sse.js"
import { differences, reference } from "../support/sseReference.js"

const read = (chunks: ReadonlyArray<Uint8Array>) => {
  const decoder = new Sse.Decoder()
  const frames = chunks.flatMap((chunk) => decoder.push(chunk))
  return { frames, retryMillis: decoder.retryMillis }
}
const run = (chunks: ReadonlyArray<Uint8Array>): Array<Sse.Frame> => read(chunks).frames

const utf8 = new TextEncoder()
const bytesOf = (text: string): Uint8Array => utf8.encode(text)

const cutAt = (bytes: Uint8Array, cuts: ReadonlyArray<number>): Array<Uint8Array> => {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...at, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : at[i - 1]!, end))
}

const pieces = [
  "\n",
  "\r",
  "\r\n",
  "\n\n",
  "\r\n\r\n",
  "\r\r",
  ":",
  ": keepalive\n",
  "data",
  "data:",
  "data: ",
  "data:  two\n",
  "data: é漢😀\n",
  "event: x\n",
  "event:\n",
  "id: 1\n",
  "id\n",
  "id: a\0b\n",
  "retry: 5\n",
  "retry: 5x\n",
  "retry:\n",
  "\ufeff",
  "Data: no\n",
  "data:{\"a\":\n",
  "other: z\n",
  " data: no\n",
  "\0",
  "x"
]
const text = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 })), { maxLength: 30 }).map((all) =>
  all.join("")
)
/** mostly text, sometimes with bytes that are no UTF-8 */
const input = fc.oneof(
  { weight: 4, arbitrary: text.map(bytesOf) },
  {
    weight: 1,
    arbitrary: fc.tuple(text, fc.uint8Array({ maxLength: 4 }), text).map(([a, bytes, b]) =>
      Uint8Array.from([...bytesOf(a), ...bytes, ...bytesOf(b)])
    )
  }
)

/** lines of a frame, a character for each byte: two of them are no UTF-8 to the end */
const lines = ["data: xxxx", "data: é漢", "id: 1", "event: y", "z"].map((line) => Buffer.from(line).toString("latin1"))
  .concat("data: \xff\xff", "\xc3")

interface Work {
  copied: number
  searched: number
  decoded: number
}

/** how many bytes are copied and searched by methods of typed arrays, and decoded, while it runs */
const workOf = (run: () => void): Work => {
  const work: Work = { copied: 0, searched: 0, decoded: 0 }
  const { indexOf, set, slice } = Uint8Array.prototype
  const { decode } = TextDecoder.prototype
  Uint8Array.prototype.slice = function(this: Uint8Array<ArrayBuffer>, from, to) {
    const copy = slice.call(this, from, to)
    work.copied += copy.length
    return copy
  }
  Uint8Array.prototype.set = function(this: Uint8Array, source, at) {
    work.copied += source.length
    return set.call(this, source, at)
  }
  Uint8Array.prototype.indexOf = function(this: Uint8Array, byte, from = 0) {
    const found = indexOf.call(this, byte, from)
    work.searched += (found === -1 ? this.length : found + 1) - from
    return found
  }
  TextDecoder.prototype.decode = function(this: TextDecoder, bytes, options) {
    work.decoded += bytes?.byteLength ?? 0
    return decode.call(this, bytes, options)
  }
  try {
    run()
  } finally {
    // What stood on the prototype of all typed arrays is seen again.
    for (const name of ["indexOf", "set", "slice"]) Reflect.deleteProperty(Uint8Array.prototype, name)
    TextDecoder.prototype.decode = decode
  }
  return work
}

describe("Sse", () => {
  it("reads what a seeded generator makes of its own special bytes as the rules say", () => {
    expect(differences({ seed: 20_260_918, count: 20_000 })).toEqual([])
  })

  it("reads as the rules say, however the bytes are cut", () => {
    fc.assert(
      fc.property(input, fc.array(fc.nat(400), { maxLength: 12 }), (bytes, cuts) => {
        expect(read(cutAt(bytes, cuts))).toEqual(reference(bytes))
      }),
      { numRuns: 3000 }
    )
  })

  it("reads a full example the same at every single cut, and byte by byte", () => {
    const bytes = bytesOf(
      "\ufeff: hi\r\nid: 1\r\nevent: stdout\r\ndata: {\"a\":\"é漢😀\"}\r\n\r\nretry: 250\rdata: x\rdata\r\rid: 2\n\ndata: y\n\n"
    )
    const { frames: expected, retryMillis } = reference(bytes)
    expect(retryMillis).toBe(250)
    expect(expected).toEqual([
      { id: "1", event: "stdout", data: "{\"a\":\"é漢😀\"}" },
      { id: "1", event: "message", data: "x\n" },
      { id: "2", event: "message", data: "y" }
    ])
    for (let cut = 0; cut <= bytes.length; cut++) expect(run(cutAt(bytes, [cut]))).toEqual(expected)
    expect(run([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(expected)
  })

  it("drops an unterminated last frame", () => {
    expect(run([bytesOf("data: a\n\ndata: b\n")])).toEqual([{ id: "", event: "message", data: "a" }])
  })

  it("keeps nothing of the chunks it was given", () => {
    const decoder = new Sse.Decoder()
    const chunk = bytesOf("data: ab")
    decoder.push(chunk)
    chunk.fill(120)
    expect(decoder.push(bytesOf("c\n\n"))).toEqual([{ id: "", event: "message", data: "abc" }])
  })

  // Counted, not timed: what is touched anew for each chunk or line shows as hundreds of times the bytes.
  it.each([[16, 2000], [7, 300_000], [1, 100_000]])(
    "copies, searches and decodes each byte a few times at most, in one frame of chunks of %i bytes",
    (size, count) => {
      const piece = bytesOf("x".repeat(size))
      const bytes = count * piece.length
      const decoder = new Sse.Decoder()
      const work = workOf(() => {
        decoder.push(bytesOf("data: "))
        for (let i = 0; i < count; i++) decoder.push(piece)
        expect(decoder.push(bytesOf("\n\n"))[0]!.data).toHaveLength(bytes)
      })
      // At least once each: a decoder that took another way to its bytes would not have been counted. A buffer that
      // doubles copies what is in it once more, or twice.
      for (const [times, most] of [[work.copied, 3.1], [work.searched, 2.1], [work.decoded, 2.1]] as const) {
        expect(times / bytes).toBeGreaterThanOrEqual(1)
        expect(times / bytes).toBeLessThan(most)
      }
    }
  )

  it.each([["LF", "\n", 0], ["CR LF", "\r\n", 0], ["CR", "\r", 0], ["LF, and one CR at the end", "\n", 1]])(
    "copies, searches and decodes each byte a few times at most, in many lines of one chunk that end in %s",
    (_, end, carriageReturns) => {
      const count = 2000
      const chunk = bytesOf(`data: a${end}${end}`.repeat(count) + "\r".repeat(carriageReturns))
      const decoder = new Sse.Decoder()
      const work = workOf(() => expect(decoder.push(chunk)).toHaveLength(count))
      expect(work.decoded).toBe("data: a".length * count)
      expect(work.searched / chunk.length).toBeGreaterThanOrEqual(1)
      expect(work.searched / chunk.length).toBeLessThan(2.1)
      expect(work.copied).toBe(0)
    }
  )

  it.each([
    ["in one line", `data: ${"x".repeat(200)}\n\n`],
    ["in many", "data: xxxx\n".repeat(20)],
    ["that is not whole", "x".repeat(101)]
  ])("throws on a frame over the limit, %s, and gives those before it", (_, long) => {
    for (const before of ["data: a\n\n", "data: a\r\n\r\n"]) {
      const frames: Array<Sse.Frame> = []
      const bytes = bytesOf(before + long)
      expect(() => new Sse.Decoder(100).push(bytes, frames)).toThrow(new Sse.FrameTooLarge({ limit: 100 }))
      expect(frames).toEqual([{ id: "", event: "message", data: "a" }])
    }
  })

  it("counts no comment between two frames, and each frame for itself", () => {
    const decoder = new Sse.Decoder(100)
    decoder.push(bytesOf(": keepalive\n".repeat(50)))
    expect(decoder.push(bytesOf(`data: ${"x".repeat(90)}\n\n`.repeat(50)))).toHaveLength(50)
  })

  it.prop(
    "counts the bytes of a frame's lines, however they come, and of nothing else",
    [
      fc.array(fc.array(fc.constantFrom(...lines), { maxLength: 5 })),
      fc.array(fc.nat()),
      fc.integer({ min: 1, max: 40 })
    ],
    ([frames, cuts, limit]) => {
      // a comment between them belongs to none
      const bytes = Buffer.from(
        frames.map((lines) => [...lines, "", ": and so on", ""].join("\n")).join("\n"),
        "latin1"
      )
      const isOver = frames.some((lines) => lines.reduce((sum, line) => sum + line.length, 0) > limit) ||
        (frames.length > 0 && limit < 11)
      const decoder = new Sse.Decoder(limit)
      let failed = false
      try {
        for (const chunk of cutAt(bytes, cuts)) decoder.push(chunk)
      } catch (error) {
        expect(error).toBeInstanceOf(Sse.FrameTooLarge)
        failed = true
      }
      expect(failed).toBe(isOver)
    },
    { fastCheck: { numRuns: 1000 } }
  )

  it("knows how soon the server wants to be asked again: digits alone, bounded, the last one", () => {
    const retryOf = (text: string) => read([bytesOf(text)]).retryMillis
    expect(retryOf("data: x\n\n")).toBeUndefined()
    for (
      const none of ["retry\n", "retry:\n", "retry: 1.5\n", "retry: -1\n", "retry: 5x\n", "retry: ٣\n", "retry: 7"]
    ) {
      expect(retryOf(none)).toBeUndefined()
    }
    expect(retryOf("retry:5\n")).toBe(5)
    expect(retryOf("retry: 5\nretry: 007\n\nretry: no\n")).toBe(7)
    expect(retryOf(`retry: ${"9".repeat(400)}\n`)).toBe(Sse.maxRetryMillis)
  })
})
