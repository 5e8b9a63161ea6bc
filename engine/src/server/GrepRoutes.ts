/**
 * `/v1/inspect/{id}/grep`: search in an image. Protocol: sections 2.5 and 3.9.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { BoxError } from "../box/BoxReport.js"
import type { ViewEnd } from "../box/View.js"
import { imageFolder } from "../box/View.js"
import * as Grep from "../image/Grep.js"
import * as ImageTree from "../image/ImageTree.js"
import type { PathError } from "../image/PathError.js"
import { findRipgrep } from "../image/Ripgrep.js"
import { badRequest, internal } from "../run/Refusal.js"
import type { Refusal } from "../run/Refusal.js"
import { withoutPaths } from "../store/StoreError.js"
import type { Engine } from "./Engine.js"
import { imageOf, throughFile } from "./InspectRoutes.js"
import * as Query from "./Query.js"
import * as Reply from "./Reply.js"
import { route } from "./Route.js"
import type { Answer, Needs, Route } from "./Route.js"

/**
 * The bounds of a search, and what holds when a request is silent.
 *
 * @since 0.1.0
 * @category defaults
 */
export const limits = {
  defaultTotal: 1_000,
  maxTotal: 10_000,
  maxContext: 1_000,
  /** Of patterns, globs and paths, each. */
  maxWords: 1_000,
  /** Bytes of one of them. */
  maxWordBytes: 65_536,
  /** Of all of them. */
  maxBytes: 1_000_000,
  deadlineMillis: 30_000
} as const

const cases = ["sensitive", "insensitive", "smart"] as const

const words = (query: URLSearchParams, name: string): Effect.Effect<ReadonlyArray<string>, Refusal> => {
  const all = query.getAll(name)
  if (all.length > limits.maxWords) {
    return Effect.fail(badRequest(`${name} is given more than ${limits.maxWords} times`))
  }
  const bad = all.find((word) => word.includes("\0") || Buffer.byteLength(word) > limits.maxWordBytes)
  return bad === undefined
    ? Effect.succeed(all)
    : Effect.fail(badRequest(`${name} has a NUL byte, or more than ${limits.maxWordBytes} bytes`))
}

/** A request whose paths are as they were given. */
const requested: Effect.Effect<Grep.GrepRequest, Refusal, Needs> = Effect.gen(
  function*() {
    const query = yield* Query.parameters
    const patterns = yield* words(query, "pattern")
    if (patterns.length === 0) return yield* badRequest("pattern is required")
    const paths = yield* words(query, "path")
    if (!paths.every((path) => path.startsWith("/"))) return yield* badRequest("path must be absolute")
    const globs = yield* words(query, "glob")
    const bytes = [...patterns, ...paths, ...globs].reduce((sum, word) => sum + Buffer.byteLength(word), 0)
    if (bytes > limits.maxBytes) return yield* badRequest(`the search is more than ${limits.maxBytes} bytes long`)
    const wished = yield* Query.single(query, "case")
    const matchCase = cases.find((known) => known === (wished ?? "sensitive"))
    if (matchCase === undefined) return yield* badRequest(`case must be one of ${cases.join(", ")}`)
    const context = { min: 0, max: limits.maxContext }
    return {
      patterns,
      paths,
      globs,
      maxCount: yield* Query.integer(query, "max_count", { min: 1, max: Number.MAX_SAFE_INTEGER }),
      maxTotal: (yield* Query.integer(query, "max_total", { min: 1, max: limits.maxTotal })) ?? limits.defaultTotal,
      matchCase,
      before: (yield* Query.integer(query, "before", context)) ?? 0,
      after: (yield* Query.integer(query, "after", context)) ?? 0
    }
  }
)

const realPaths = (
  tree: ImageTree.ImageTree,
  paths: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>, PathError> =>
  paths.length === 0
    ? Effect.succeed(["/"])
    : Effect.map(
      Effect.forEach(paths, (path) => Effect.mapError(tree.stat(path), throughFile)),
      // one file that two of them lead to is one file
      (entries) => [...new Set(entries.map(({ realPath }) => realPath))]
    )

const failed = (error: BoxError): Effect.Effect<never, Refusal> =>
  Effect.zipRight(
    Effect.logError(`a search failed: ${error.message}`),
    Effect.fail(internal("searching the image failed; the engine's log says why"))
  )

/** Nothing found is 1; a pattern or glob that is none is 2, with words of ripgrep's own. */
const check = (end: ViewEnd, store: string): Effect.Effect<void, Refusal> => {
  const said = end.stderr.trim()
  if (end.code === undefined || end.code === 0 || end.code === 1 && said === "") return Effect.void
  // a file that cannot be read is 2 as well, and silent
  if (end.code === 2 && said === "") return Effect.void
  if (end.code === 2 && said.startsWith("rg: ")) return Effect.fail(badRequest(said.replace(/^rg: /, "")))
  return Effect.zipRight(
    Effect.logError(`a search ended with ${end.code}: ${said}`),
    Effect.fail(internal(`searching the image failed: ${withoutPaths(said, store)}`))
  )
}

const grep = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const image = yield* imageOf(engine)
    const request = yield* requested
    const layers = yield* engine.store.images.layers(image.id)
    const paths = yield* realPaths(ImageTree.make(engine.store, layers), request.paths)
    const reader = Grep.reader(request, imageFolder)
    const end = yield* engine.launcher.view({
      layers,
      program: yield* findRipgrep,
      args: Grep.argumentsOf({ ...request, paths }, imageFolder),
      deadlineMillis: limits.deadlineMillis
    }, reader.take).pipe(Effect.catchTag("BoxError", failed))
    yield* check(end, engine.store.path)
    reader.end()
    return Reply.json(200, {
      path: request.paths.length === 1 ? request.paths[0] : "/",
      patterns: request.patterns,
      matches: reader.matches(),
      truncated: reader.isCut() || end.late
    })
  })

/**
 * @since 0.1.0
 * @category routes
 */
export const make = (engine: Engine): ReadonlyArray<Route> => [
  route("GET", "/v1/inspect/:id/grep", grep(engine))
]
