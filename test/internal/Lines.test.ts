import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, FastCheck as fc, Stream } from "effect"
import { Output } from "effect-contree"
import { makeSplitter } from "../../src/internal/Lines.js"

/** slow, and plain: the whole text at once */
const reference = (bytes: Uint8Array): ReadonlyArray<string> => {
  const lines = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).split(/\r\n|\r|\n/)
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines
}

const pieces = (bytes: Uint8Array, cuts: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const at = [0, ...cuts.map((n) => n % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((to, i) => bytes.subarray(at[i], to))
}

const read = (parts: ReadonlyArray<Uint8Array>) => {
  const splitter = makeSplitter()
  return [...parts.flatMap((part) => splitter.add(part)), ...splitter.finish()]
}

const bytes = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom("\n", "\r", "\r\n", "\n\r", "a", "bc", "", "\ufeff", "\u2028", "é", "😀") },
    { weight: 1, arbitrary: fc.constantFrom(0xff, 0xf0, 0x9f, 0xc3, 0x80) }
  ),
  { maxLength: 30 }
).map((parts) =>
  Uint8Array.from(parts.flatMap((part) => typeof part === "number" ? [part] : [...new TextEncoder().encode(part)]))
)

describe("lines", () => {
  it("are those of the whole text, wherever the bytes are cut", () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(), { maxLength: 40 }), (all, cuts) => {
        expect(read(pieces(all, cuts))).toEqual(reference(all))
      }),
      { numRuns: 500 }
    )
  })

  it("of a stream are the same, each time it is run", () => {
    const parts = pieces(new TextEncoder().encode("é\r\n\nlast 😀"), [1, 2, 3, 4, 11, 12])
    const lines = Output.lines(Stream.fromIterable(parts))
    for (const _ of [1, 2]) {
      expect(Chunk.toReadonlyArray(Effect.runSync(Stream.runCollect(lines)))).toEqual(["é", "", "last 😀"])
    }
  })

  it("an end of a line is given at once, a CR too", () => {
    const seen: Array<string> = []
    const source = Stream.make("10%\r", "20%\r", "\ndone").pipe(
      Stream.encodeText,
      Stream.tap(() => Effect.sync(() => seen.push("|"))),
      Stream.rechunk(1)
    )
    Effect.runSync(Stream.runForEach(Output.lines(source), (line) => Effect.sync(() => seen.push(line))))
    expect(seen).toEqual(["|", "10%", "|", "20%", "|", "done"])
  })

  it("one line of many pieces costs its length", () => {
    const piece = new Uint8Array(64).fill(97)
    const count = 100_000
    const begun = performance.now()
    const [line] = read(Array.from({ length: count }, () => piece))
    expect(line?.length).toBe(count * piece.length)
    // a copy of what is there for each piece would be 300 GB
    expect(performance.now() - begun).toBeLessThan(200_000)
  })

  it("a failure comes after the lines that were complete, and half a line is none", () => {
    const seen: Array<string> = []
    const broken = Stream.concat(Stream.make("a\nb").pipe(Stream.encodeText), Stream.fail("cut"))
    const error = Effect.runSync(
      Effect.flip(Stream.runForEach(Output.lines(broken), (line) => Effect.sync(() => seen.push(line))))
    )
    expect([seen, error]).toEqual([["a"], "cut"])
  })
})
