/**
 * `/v1/images`. Protocol: sections 2.1 and 3.1.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Wire from "effect-contree/Wire"
import { isTag } from "../run/ImportRequest.js"
import * as Moment from "../run/Moment.js"
import { badRequest, notFound } from "../run/Refusal.js"
import type { ImageRow } from "../store/ImageStore.js"
import * as Body from "./Body.js"
import type { Engine } from "./Engine.js"
import * as Query from "./Query.js"
import * as Reply from "./Reply.js"
import { param, route } from "./Route.js"
import type { Answer, Route } from "./Route.js"

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * An image as the wire shows it, under one of its tags or none.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toWire = (row: ImageRow, tag: string | null): Record<string, unknown> => ({
  uuid: row.id,
  tag,
  created_at: Moment.iso(row.createdAt),
  operation_uuid: Option.getOrNull(row.operationId)
})

/**
 * 404, for an image that is not there.
 *
 * @since 0.1.0
 * @category errors
 */
export const imageNotFound = (id: string): ReturnType<typeof notFound> => notFound(`image not found: ${id}`)

const list = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const query = yield* Query.parameters
    const page = yield* Query.page(query)
    const tagged = yield* Query.flag(query, "tagged")
    const tag = yield* Query.single(query, "tag")
    const uuid = yield* Query.single(query, "uuid")
    if (uuid !== undefined && !uuidPattern.test(uuid)) return yield* badRequest("uuid must be the id of an image")
    const rows = yield* engine.store.images.list({
      ...page,
      tagged,
      tagPrefix: tag === "" ? undefined : tag,
      id: uuid?.toLowerCase(),
      since: yield* Query.moment(query, "since"),
      until: yield* Query.moment(query, "until")
    })
    return Reply.json(200, { images: rows.map(({ row, tag }) => toWire(row, tag)) })
  })

const setTag = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const id = yield* param("id")
    const { tag } = yield* Body.json(Wire.TagRequest)
    if (!isTag(tag)) return yield* badRequest("tag must be 1 to 256 of A-Z a-z 0-9 _ - . : /")
    const row = yield* engine.store.images.setTag(id, tag)
    if (Option.isNone(row)) return yield* imageNotFound(id)
    return Reply.json(200, toWire(row.value, tag))
  })

const removeTag = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const id = yield* param("id")
    const tag = yield* Query.single(yield* Query.parameters, "tag")
    switch (yield* engine.store.images.removeTag(id, tag)) {
      case "removed":
        return Reply.empty(204)
      case "no image":
        return yield* imageNotFound(id)
      case "no tag":
        return yield* notFound(tag === undefined ? `image ${id} has no tag` : `image ${id} has no tag ${tag}`)
    }
  })

/**
 * @since 0.1.0
 * @category routes
 */
export const make = (engine: Engine): ReadonlyArray<Route> => [
  route("GET", "/v1/images", list(engine)),
  route("PATCH", "/v1/images/:id/tag", setTag(engine)),
  route("DELETE", "/v1/images/:id/tag", removeTag(engine))
]
