import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as Grep from "../../src/image/Grep.js"

const root = "/image"

const text = (value: string): object => ({ text: value })

const line = (type: string, number: number, content: string, path = "/image/etc/passwd"): string =>
  `${
    JSON.stringify({
      type,
      data: {
        path: text(path),
        lines: text(content),
        line_number: number,
        absolute_offset: number * 10,
        submatches: type === "match" ? [{ match: text("x"), start: 0, end: 1 }] : []
      }
    })
  }\n`

const end = (binaryOffset: number | null = null): string =>
  `${JSON.stringify({ type: "end", data: { path: text("x"), binary_offset: binaryOffset } })}\n`

const read = (pieces: ReadonlyArray<string | Uint8Array>, wanted: { maxTotal?: number; after?: number } = {}) => {
  const reader = Grep.reader({ maxTotal: 1000, after: 0, ...wanted }, root)
  for (const piece of pieces) if (reader.take(Buffer.from(piece))) break
  reader.end()
  return { lines: reader.matches().map((match) => match.line_number), matches: reader.matches(), cut: reader.isCut() }
}

describe("the arguments of ripgrep", () => {
  it("hold what a request says as values, and never as options", () => {
    const args = Grep.argumentsOf({
      patterns: ["--pre=sh", "-f/etc/shadow"],
      paths: ["/", "/--files"],
      globs: ["--hidden"],
      maxCount: 3,
      maxTotal: 10,
      matchCase: "smart",
      before: 1,
      after: 2
    }, root)
    const at = args.indexOf("--")
    expect(args.slice(at + 1)).toEqual(["/image", "/image/--files"])
    const options = args.slice(0, at)
    // hidden files and those that an ignore file names are searched, links are not followed
    expect(options).toEqual(expect.arrayContaining(["--no-config", "--hidden", "--no-ignore", "--no-follow"]))
    expect(options).toEqual(expect.arrayContaining(["--smart-case", "--max-count=3", "--before-context=1"]))
    expect(options.filter((option) => option.includes("pre=") || option.includes("shadow"))).toEqual([
      "--regexp=--pre=sh",
      "--regexp=-f/etc/shadow"
    ])
    expect(options).toContain("--glob=--hidden")
  })
})

describe("the answer of ripgrep", () => {
  it("is matches and context, with paths from the root of the image", () => {
    const { cut, matches } = read([line("context", 1, "a\n"), line("match", 2, "ü\n"), end()])
    expect(matches).toEqual([
      {
        path: "etc/passwd",
        line_number: 1,
        absolute_offset: 10,
        line_text: "a\n",
        line_bytes: 2,
        submatches: [],
        type: "context"
      },
      {
        path: "etc/passwd",
        line_number: 2,
        absolute_offset: 20,
        line_text: "ü\n",
        line_bytes: 3,
        submatches: [{ text: "x", start: 0, end: 1 }],
        type: "match"
      }
    ])
    expect(cut).toBe(false)
  })

  it("shows what is not UTF-8, and counts its bytes", () => {
    const bytes = Buffer.from([0x61, 0xff, 0x0a])
    const data = {
      path: { bytes: Buffer.from("/image/\xff", "latin1").toString("base64") },
      lines: { bytes: bytes.toString("base64") },
      line_number: 1,
      absolute_offset: 0,
      submatches: [{ match: { bytes: "/w==" }, start: 1, end: 2 }]
    }
    const { matches } = read([`${JSON.stringify({ type: "match", data })}\n`, end()])
    expect(matches).toEqual([
      expect.objectContaining({
        path: "\ufffd",
        line_text: "a\ufffd\n",
        line_bytes: 3,
        submatches: [{ text: "\ufffd", start: 1, end: 2 }]
      })
    ])
  })

  it("has nothing of files that turn out to be binary, and counts nothing of them", () => {
    const { cut, lines } = read(
      [line("match", 1, "x"), line("match", 2, "x"), end(5), line("match", 3, "x"), end()],
      { maxTotal: 2 }
    )
    expect([lines, cut]).toEqual([[3], false])
  })

  it("is cut behind the last line that was wanted, with its own context and none of the next", () => {
    const pieces = [
      line("context", 1, "before"),
      line("match", 2, "one"),
      line("context", 3, "after it"),
      line("context", 8, "before the next"),
      line("match", 9, "two"),
      end()
    ]
    expect(read(pieces, { maxTotal: 1, after: 1 })).toMatchObject({ lines: [1, 2, 3], cut: true })
    expect(read(pieces, { maxTotal: 2, after: 1 })).toMatchObject({ lines: [1, 2, 3, 8, 9], cut: false })
  })

  it("is cut when it is too large, also within one line", () => {
    const large = "x".repeat(Grep.maxAnswerBytes / 2)
    expect(read([line("match", 1, large), line("match", 2, large), end()])).toMatchObject({ lines: [1], cut: true })
    expect(read([line("match", 1, "x"), "{".repeat(Grep.maxAnswerBytes + 1)])).toMatchObject({ lines: [1], cut: true })
  })

  it.prop(
    "is the same however it is cut into pieces, and whatever stands between",
    [fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 8 }), fc.string()],
    ([sizes, noise]) => {
      const whole = Buffer.from(
        [line("match", 1, "ü"), `${noise.replaceAll("\n", " ")}\n`, end(), line("match", 2, "x"), end()].join("")
      )
      const pieces: Array<Uint8Array> = []
      let at = 0
      for (const size of sizes) pieces.push(whole.subarray(at, at += size))
      pieces.push(whole.subarray(at))
      expect(read(pieces).matches).toEqual(read([whole]).matches)
      expect(read([whole]).lines).toEqual([1, 2])
    }
  )
})
