import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as Grep from "../../../src/layers/testing/Grep.js"
import * as Tree from "../../../src/layers/testing/Tree.js"

const tree = Either.getOrThrow(Tree.change(
  Tree.empty,
  Object.entries({
    "/src/a.ts": "alpha\nBeta\nalpha beta\n",
    "/src/deep/b.ts": "\u00e9 alpha",
    "/src/deep/c.md": "alpha\n",
    "/bin/x": "alpha\0"
  }).map(([path, content]) => ({ path, content })),
  0
))

const found = (query: Parameters<typeof Grep.grep>[1]) =>
  Either.map(
    Grep.grep(tree, query),
    ({ matches }) =>
      matches.map(({ line_number, path, type }) => `${path}:${line_number}${type === "match" ? "" : "-"}`)
  )

describe("Grep", () => {
  it("finds lines of text files, in the order of their paths", () =>
    expect(found({ pattern: ["alpha"] })).toEqual(
      Either.right(["src/a.ts:1", "src/a.ts:3", "src/deep/b.ts:1", "src/deep/c.md:1"])
    ))

  it.each<[Parameters<typeof Grep.grep>[1], ReadonlyArray<string>]>([
    [{ pattern: ["^Beta", "^\u00e9"] }, ["src/a.ts:2", "src/deep/b.ts:1"]],
    [{ pattern: ["beta"] }, ["src/a.ts:3"]],
    [{ pattern: ["beta"], case: "insensitive" }, ["src/a.ts:2", "src/a.ts:3"]],
    [{ pattern: ["beta"], case: "smart" }, ["src/a.ts:2", "src/a.ts:3"]],
    [{ pattern: ["Beta"], case: "smart" }, ["src/a.ts:2"]],
    [{ pattern: ["alpha"], path: ["/src/deep/b.ts"] }, ["src/deep/b.ts:1"]],
    [{ pattern: ["alpha"], path: ["/src/deep/../deep", "/src/a.ts"], max_count: 1 }, [
      "src/deep/b.ts:1",
      "src/deep/c.md:1",
      "src/a.ts:1"
    ]],
    [{ pattern: ["alpha"], glob: ["*.ts"] }, ["src/a.ts:1", "src/a.ts:3", "src/deep/b.ts:1"]],
    [{ pattern: ["alpha"], glob: ["!*.md", "!src/a.*"] }, ["src/deep/b.ts:1"]],
    [{ pattern: ["alpha"], glob: ["src/**/*.{md,txt}"] }, ["src/deep/c.md:1"]],
    [{ pattern: ["alpha"], glob: ["[bc].ts", "?.md"] }, ["src/deep/b.ts:1", "src/deep/c.md:1"]],
    [{ pattern: ["Beta"], before: 1, after: 1 }, ["src/a.ts:1-", "src/a.ts:2", "src/a.ts:3-"]],
    [{ pattern: ["nothing"] }, []]
  ])("%j", (query, expected) => expect(found(query)).toEqual(Either.right(expected)))

  it("counts bytes, and says what it left out", () => {
    const result = Either.getOrThrow(Grep.grep(tree, { pattern: ["al.ha"], path: ["/src/deep/b.ts"] }))
    expect(result).toMatchObject({ path: "/src/deep/b.ts", patterns: ["al.ha"], truncated: false })
    expect(result.matches[0]).toMatchObject({
      absolute_offset: 0,
      line_text: "\u00e9 alpha",
      line_bytes: 8,
      submatches: [{ text: "alpha", start: 3, end: 8 }]
    })
    const cut = Either.getOrThrow(Grep.grep(tree, { pattern: ["alpha"], max_total: 2 }))
    expect([cut.matches.length, cut.truncated]).toEqual([2, true])
    const exact = Either.getOrThrow(Grep.grep(tree, { pattern: ["alpha"], max_total: 4 }))
    expect([exact.matches.length, exact.truncated]).toEqual([4, false])
    const second = Either.getOrThrow(Grep.grep(tree, { pattern: ["beta"], path: ["/src/a.ts"] })).matches[0]
    expect(second).toMatchObject({ line_number: 3, absolute_offset: 11 })
  })

  it("refuses what it cannot read, and paths to nowhere", () => {
    expect(Either.flip(Grep.grep(tree, { pattern: ["("] }))).toMatchObject({ right: { status: 400 } })
    expect(Either.flip(Grep.grep(tree, { pattern: [] }))).toMatchObject({ right: { status: 400 } })
    expect(Either.flip(Grep.grep(tree, { pattern: ["x"], path: ["/no"] }))).toMatchObject({ right: { status: 404 } })
  })
})
