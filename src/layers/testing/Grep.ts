/**
 * Searching the files of a tree, as the service does with the syntax of Rust's `regex`: here with what that has in common
 * with `RegExp`.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import type * as Wire from "../../schemas/Wire.js"
import type { GrepQuery } from "../../services/ContreeApi.js"
import type { Tree } from "./Tree.js"
import { normal, subtree } from "./Tree.js"

type Match = Wire.GrepResult["matches"][number]

const utf8 = new TextEncoder()
const lossy = new TextDecoder()

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")

/** `*`, `?`, `**`, `[...]` and `{a,b}`; one without a slash is about the last name alone */
const globToRegExp = (glob: string): RegExp => {
  const source = glob.replace(/^\//, "").replace(
    /\*\*\/|\*\*|\*|\?|\[[^\]]+\]|\{[^}]*\}|[^*?[{]+|[[{]/g,
    (part) =>
      part === "**/"
        ? "(?:.*/)?"
        : part === "**"
        ? ".*"
        : part === "*"
        ? "[^/]*"
        : part === "?"
        ? "[^/]"
        : part.startsWith("[") && part.length > 1
        ? part.replace(/^\[!/, "[^")
        : part.startsWith("{") && part.length > 1
        ? `(?:${part.slice(1, -1).split(",").map(literal).join("|")})`
        : literal(part)
  )
  return new RegExp(glob.includes("/") ? `^${source}$` : `(?:^|/)${source}$`)
}

const isWanted = (globs: ReadonlyArray<string>) => {
  const includes = globs.filter((glob) => !glob.startsWith("!")).map(globToRegExp)
  const excludes = globs.filter((glob) => glob.startsWith("!")).map((glob) => globToRegExp(glob.slice(1)))
  return (path: string): boolean =>
    (includes.length === 0 || includes.some((glob) => glob.test(path))) && !excludes.some((glob) => glob.test(path))
}

const patternOf = (query: GrepQuery): Either.Either<RegExp, string> =>
  Either.try({
    try: () => {
      const hasUpper = query.pattern.some((pattern) => /\p{Lu}/u.test(pattern))
      const flags = query.case === "insensitive" || (query.case === "smart" && !hasUpper) ? "giu" : "gu"
      return new RegExp(query.pattern.map((pattern) => `(?:${pattern})`).join("|"), flags)
    },
    catch: (error) => `the pattern cannot be read: ${error instanceof Error ? error.message : String(error)}`
  })

interface Line {
  readonly number: number
  readonly offset: number
  /** with its newline */
  readonly text: string
  readonly submatches: Match["submatches"]
}

const linesOf = (bytes: Uint8Array, pattern: RegExp): ReadonlyArray<Line> => {
  let offset = 0
  return (lossy.decode(bytes).match(/[^\n]*\n|[^\n]+$/g) ?? []).map((text, index) => {
    const at = offset
    offset += utf8.encode(text).length
    const submatches = [...text.replace(/\n$/, "").matchAll(pattern)].map((found) => {
      const start = utf8.encode(text.slice(0, found.index)).length
      return { text: found[0], start, end: start + utf8.encode(found[0]).length }
    })
    return { number: index + 1, offset: at, text, submatches }
  })
}

const toMatch = (path: string, line: Line, type: "match" | "context"): Match => ({
  path: path.slice(1),
  line_number: line.number,
  absolute_offset: line.offset,
  line_text: line.text,
  line_bytes: utf8.encode(line.text).length,
  submatches: type === "match" ? line.submatches : [],
  type
})

/** Of one file: up to `limit` lines that match, with the lines around them, each once; and is there more? */
const searchFile = (path: string, bytes: Uint8Array, pattern: RegExp, query: GrepQuery, left: number) => {
  const lines = linesOf(bytes, pattern)
  const hits = lines.filter((line) => line.submatches.length > 0).slice(0, query.max_count ?? Infinity)
  const taken = hits.slice(0, left)
  const numbers = new Set(taken.map((line) => line.number))
  const isNear = ({ number }: Line): boolean =>
    taken.some((hit) => number >= hit.number - (query.before ?? 0) && number <= hit.number + (query.after ?? 0))
  return {
    matches: lines.filter((line) => numbers.has(line.number) || isNear(line)).map((line) =>
      toMatch(path, line, numbers.has(line.number) ? "match" : "context")
    ),
    count: taken.length,
    isCut: hits.length > taken.length
  }
}

/**
 * @internal
 */
export const grep = (
  tree: Tree,
  query: GrepQuery
): Either.Either<Wire.GrepResult, { readonly status: 400 | 404; readonly why: string }> =>
  Either.gen(function*() {
    if (query.pattern.length === 0) return yield* Either.left({ status: 400 as const, why: "pattern is required" })
    const pattern = yield* Either.mapLeft(patternOf(query), (why) => ({ status: 400 as const, why }))
    const paths = (query.path ?? []).length === 0 ? ["/"] : query.path ?? []
    const missing = paths.find((path) => !tree.has(normal(path)))
    if (missing !== undefined) return yield* Either.left({ status: 404 as const, why: `path not found: ${missing}` })
    const wanted = isWanted(query.glob ?? [])
    const found = new Map(paths.flatMap((path) => subtree(tree, normal(path))))
    const matches: Array<Match> = []
    let left = query.max_total ?? 1000
    let truncated = false
    for (const [path, node] of found) {
      if (node._tag !== "File" || node.bytes.includes(0) || !wanted(path.slice(1))) continue
      const result = searchFile(path, node.bytes, pattern, query, left)
      matches.push(...result.matches)
      left -= result.count
      truncated ||= result.isCut
    }
    return { path: paths.length === 1 ? paths[0]! : "/", patterns: [...query.pattern], matches, truncated }
  })
