import { describe, it } from "@effect/vitest"
import { Chunk, Effect, FastCheck as fc, Stream } from "effect"
import { expect } from "vitest"
import * as Sse from "../../src/internal/Sse.js"

interface Reference {
  readonly frames: Array<Sse.Frame>
  readonly comments: boolean
  readonly retry: number | undefined
}

/**
 * The rules of the standard, one after the other, over the whole text at once: slow, and plain enough to check by eye.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
const reference = (bytes: Uint8Array): Reference => {
  // "Streams must be decoded using the UTF-8 decode algorithm", which strips one byte order mark.
  const text = new TextDecoder("utf-8").decode(bytes)
  const lines = text.split(/\r\n|\n|\r/)
  // What follows the last line end is no line yet.
  lines.pop()
  const frames: Array<Sse.Frame> = []
  let comments = false
  let retry: number | undefined
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
    if (line.startsWith(":")) {
      comments = true
      continue
    }
    const [, name, value] = /^([^:]*)(?::[ ]?([^]*))?$/.exec(line)!
    if (name === "event") typeBuffer = value ?? ""
    if (name === "data") dataBuffer += `${value ?? ""}\n`
    if (name === "id" && !(value ?? "").includes("\0")) lastId = value ?? ""
    if (name === "retry" && /^[0-9]+$/.test(value ?? "")) retry = Number(value)
  }
  return { frames, comments, retry }
}

const run = (chunks: ReadonlyArray<Uint8Array>): Reference => {
  const decoder = new Sse.Decoder()
  const batches = chunks.map((chunk) => decoder.push(chunk))
  return {
    frames: batches.flatMap((batch) => batch.frames),
    comments: batches.some((batch) => batch.comments),
    retry: batches.map((batch) => batch.retry).filter((retry) => retry !== undefined).at(-1)
  }
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
    expect(expected).toEqual({
      frames: [
        { id: "1", event: "stdout", data: "{\"a\":\"é漢😀\"}" },
        { id: "1", event: "message", data: "x\n" },
        { id: "2", event: "message", data: "y" }
      ],
      comments: true,
      retry: 250
    })
    for (let cut = 0; cut <= bytes.length; cut++) expect(run(cutAt(bytes, [cut]))).toEqual(expected)
    expect(run([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(expected)
  })

  it("drops an unterminated last frame", () => {
    expect(run([bytesOf("data: a\n\ndata: b\n")]).frames).toEqual([{ id: "", event: "message", data: "a" }])
  })

  it("keeps nothing of the chunks it was given", () => {
    const decoder = new Sse.Decoder()
    const chunk = bytesOf("data: ab")
    decoder.push(chunk)
    chunk.fill(120)
    expect(decoder.push(bytesOf("c\n\n")).frames).toEqual([{ id: "", event: "message", data: "abc" }])
  })

  it("takes time in proportion to the bytes, in one frame of many small chunks", () => {
    const timeOf = (count: number): number => {
      const decoder = new Sse.Decoder()
      const piece = bytesOf("x".repeat(16))
      const start = performance.now()
      decoder.push(bytesOf("data: "))
      for (let i = 0; i < count; i++) decoder.push(piece)
      expect(decoder.push(bytesOf("\n\n")).frames[0]!.data).toHaveLength(count * 16)
      return performance.now() - start
    }
    timeOf(20_000)
    const small = Math.min(timeOf(20_000), timeOf(20_000), timeOf(20_000))
    // Sixteen times the bytes: about 16 times the time, and 256 times it if anything were copied anew for each chunk.
    expect(timeOf(320_000)).toBeLessThan(Math.max(5, small) * 80)
  })

  it("takes time in proportion to the lines, many of them in one chunk", () => {
    const decoder = new Sse.Decoder()
    const start = performance.now()
    const { frames } = decoder.push(bytesOf("data: a\n\n".repeat(300_000)))
    expect(frames).toHaveLength(300_000)
    expect(performance.now() - start).toBeLessThan(5_000)
  })

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
