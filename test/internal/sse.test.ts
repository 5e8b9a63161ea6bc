import { describe, it } from "@effect/vitest"
import { Chunk, Effect, FastCheck as fc, Stream } from "effect"
import { expect } from "vitest"
import * as Sse from "../../src/internal/Sse.js"

/**
 * The rules of the standard, one after the other, over the whole text at once: slow, and plain enough to check by eye.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
const reference = (bytes: Uint8Array): Array<Sse.Frame> => {
  // "Streams must be decoded using the UTF-8 decode algorithm", which strips one byte order mark.
  const text = new TextDecoder("utf-8").decode(bytes)
  const lines = text.split(/\r\n|\n|\r/)
  // What follows the last line end is no line yet.
  lines.pop()
  const frames: Array<Sse.Frame> = []
  let lastId = ""
  let dataBuffer = ""
  let typeBuffer = ""
  for (const line of lines) {
    if (line === "") {
      if (dataBuffer === "") {
        typeBuffer = ""
        continue
      }
      const data = dataBuffer.endsWith("\n") ? dataBuffer.slice(0, -1) : dataBuffer
      frames.push({ id: lastId, event: typeBuffer === "" ? "message" : typeBuffer, data })
      dataBuffer = ""
      typeBuffer = ""
      continue
    }
    if (line.startsWith(":")) continue
    const [, name, value] = /^([^:]*)(?::[ ]?([^]*))?$/.exec(line)!
    if (name === "event") typeBuffer = value ?? ""
    if (name === "data") dataBuffer += `${value ?? ""}\n`
    if (name === "id" && !(value ?? "").includes("\0")) lastId = value ?? ""
  }
  return frames
}

const run = (chunks: ReadonlyArray<Uint8Array>): Array<Sse.Frame> => {
  const decoder = new Sse.Decoder()
  return chunks.flatMap((chunk) => decoder.push(chunk))
}

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
  it("reads as the rules say, however the bytes are cut", () => {
    fc.assert(
      fc.property(input, fc.array(fc.nat(400), { maxLength: 12 }), (bytes, cuts) => {
        expect(run(cutAt(bytes, cuts))).toEqual(reference(bytes))
      }),
      { numRuns: 3000 }
    )
  })

  it("reads a full example the same at every single cut, and byte by byte", () => {
    const bytes = bytesOf(
      "\ufeff: hi\r\nid: 1\r\nevent: stdout\r\ndata: {\"a\":\"é漢😀\"}\r\n\r\nretry: 250\rdata: x\rdata\r\rid: 2\n\ndata: y\n\n"
    )
    const expected = reference(bytes)
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
  it("copies, searches and decodes each byte a few times at most, in one frame of many small chunks", () => {
    const piece = bytesOf("x".repeat(16))
    const count = 2000
    const bytes = count * piece.length
    const decoder = new Sse.Decoder()
    const work = workOf(() => {
      decoder.push(bytesOf("data: "))
      for (let i = 0; i < count; i++) decoder.push(piece)
      expect(decoder.push(bytesOf("\n\n"))[0]!.data).toHaveLength(bytes)
    })
    // At least once each: a decoder that took another way to its bytes would not have been counted.
    for (const times of [work.copied / bytes, work.searched / bytes, work.decoded / bytes]) {
      expect(times).toBeGreaterThanOrEqual(1)
      expect(times).toBeLessThan(2.1)
    }
  })

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

  it.effect("fails typed on a frame over the limit, in one line or in many, whole or not", () =>
    Effect.gen(function*() {
      for (const text of [`data: ${"x".repeat(200)}\n\n`, "data: xxxx\n".repeat(20), "x".repeat(101)]) {
        const error = yield* Effect.flip(Stream.runDrain(Sse.frames(Stream.make(bytesOf(text)), 100)))
        expect(error).toMatchObject({ _tag: "FrameTooLarge", limit: 100 })
      }
      const many = Stream.make(bytesOf(": keepalive\n".repeat(50)), bytesOf(`data: ${"x".repeat(90)}\n\n`.repeat(50)))
      expect(Chunk.size(yield* Stream.runCollect(Sse.frames(many, 100)))).toBe(50)
    }))

  it.effect("can run the same stream twice", () =>
    Effect.gen(function*() {
      const stream = Sse.frames(Stream.make(bytesOf("id: 7\ndata: a\n\ndata: b\n\ndata: c")))
      const first = Chunk.toReadonlyArray(yield* Stream.runCollect(stream))
      expect(first).toEqual([{ id: "7", event: "message", data: "a" }, { id: "7", event: "message", data: "b" }])
      expect(Chunk.toReadonlyArray(yield* Stream.runCollect(stream))).toEqual(first)
    }))
})
