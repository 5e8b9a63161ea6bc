/**
 * `/v1/inspect`: looking into images without running anything. Protocol: section 2.5.
 *
 * @since 0.1.0
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ImageTree from "../image/ImageTree.js"
import { PathError } from "../image/PathError.js"
import { badRequest, notFound } from "../run/Refusal.js"
import type { Refusal } from "../run/Refusal.js"
import type { ImageRow } from "../store/ImageStore.js"
import type { StoreError } from "../store/StoreError.js"
import type { Engine } from "./Engine.js"
import { imageNotFound, toWire } from "./ImageRoutes.js"
import * as Query from "./Query.js"
import * as Reply from "./Reply.js"
import { param, route } from "./Route.js"
import type { Answer, Needs, Route } from "./Route.js"
import * as TextListing from "./TextListing.js"

/**
 * The image that the path names, or 404.
 *
 * @since 0.1.0
 * @category accessors
 */
export const imageOf = (engine: Engine): Effect.Effect<ImageRow, Refusal | StoreError, Needs> =>
  Effect.gen(function*() {
    const id = yield* param("id")
    const row = yield* engine.store.images.get(id)
    return Option.isNone(row) ? yield* imageNotFound(id) : row.value
  })

const pathOf: Effect.Effect<string, Refusal, Needs> = Effect.gen(function*() {
  const path = yield* Query.single(yield* Query.parameters, "path")
  if (path === undefined || path === "") return yield* badRequest("path is required")
  if (!path.startsWith("/") || path.includes("\0")) {
    return yield* badRequest("path must be absolute and without a NUL byte")
  }
  return path
})

const lookAt = (
  engine: Engine
): Effect.Effect<{ readonly path: string; readonly tree: ImageTree.ImageTree }, Refusal | StoreError, Needs> =>
  Effect.gen(function*() {
    const image = yield* imageOf(engine)
    const path = yield* pathOf
    return { path, tree: ImageTree.make(engine.store, yield* engine.store.images.layers(image.id)) }
  })

const byTag = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const tag = yield* Query.single(yield* Query.parameters, "tag")
    if (tag === undefined || tag === "") return yield* badRequest("tag is required")
    const id = yield* engine.store.images.findByTag(tag)
    if (Option.isNone(id)) return yield* notFound(`image not found: tag:${tag}`)
    // relative, so that it is right behind any prefix
    return Reply.empty(302, { location: `${id.value}/` })
  })

/** The one spelling of a folder-like route ends with a slash. */
const addSlash = (last: Effect.Effect<string, never, Needs>): Answer =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const at = request.originalUrl.indexOf("?")
    const query = at === -1 ? "" : request.originalUrl.slice(at)
    return Reply.empty(308, { location: `${yield* last}/${query}` })
  })

const image = (engine: Engine): Answer =>
  Effect.map(imageOf(engine), (row) => Reply.json(200, toWire(row, row.tags[0] ?? null)))

const list = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const asText = yield* Query.flag(yield* Query.parameters, "text")
    const { path, tree } = yield* lookAt(engine)
    const files = yield* tree.list(path).pipe(Effect.catchAll((error) => missingOrFile(tree, error, path)))
    if (asText) return Reply.text(200, TextListing.render(files))
    return Reply.json(200, { path, files: files.map((item) => ({ ...item })) })
  })

// "not a directory" is also what a path through a file gets: there is nothing at all
const missingOrFile = (tree: ImageTree.ImageTree, error: PathError, path: string): Effect.Effect<never, PathError> =>
  error.reason === "NotADirectory"
    ? tree.stat(path).pipe(
      Effect.mapError(() => new PathError({ reason: "NotFound", path })),
      Effect.zipRight(Effect.fail(error))
    )
    : Effect.fail(error)

/**
 * A path through a file leads to nothing, as one that is not there.
 *
 * @since 0.1.0
 * @category conversions
 */
export const throughFile = (error: PathError): PathError =>
  error.reason === "NotADirectory" ? new PathError({ reason: "NotFound", path: error.path }) : error

const download = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const { path, tree } = yield* lookAt(engine)
    const { size, stream } = yield* Effect.mapError(tree.read(path), throughFile)
    return Reply.stream(200, stream, {
      contentType: "application/octet-stream",
      headers: { "content-length": String(size) }
    })
  })

const archive = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const { path, tree } = yield* lookAt(engine)
    const stream = yield* Effect.mapError(tree.archive(path), throughFile)
    return Reply.stream(200, stream, { contentType: "application/x-tar" })
  })

/**
 * @since 0.1.0
 * @category routes
 */
export const make = (engine: Engine): ReadonlyArray<Route> => [
  route("GET", "/v1/inspect", addSlash(Effect.succeed("inspect"))),
  route("GET", "/v1/inspect/", byTag(engine)),
  route("GET", "/v1/inspect/:id", addSlash(param("id"))),
  route("GET", "/v1/inspect/:id/", image(engine)),
  route("GET", "/v1/inspect/:id/list", list(engine)),
  route("GET", "/v1/inspect/:id/download", download(engine)),
  route("HEAD", "/v1/inspect/:id/download", download(engine)),
  route("GET", "/v1/inspect/:id/archive", archive(engine)),
  route("HEAD", "/v1/inspect/:id/archive", archive(engine))
]
