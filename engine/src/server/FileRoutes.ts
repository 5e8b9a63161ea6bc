/**
 * `/v1/files`. Protocol: sections 2.2 and 3.9.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Moment from "../run/Moment.js"
import { notFound } from "../run/Refusal.js"
import type { FileRow } from "../store/FileStore.js"
import * as Body from "./Body.js"
import type { Engine } from "./Engine.js"
import * as Query from "./Query.js"
import * as Reply from "./Reply.js"
import { param, route } from "./Route.js"
import type { Answer, Route } from "./Route.js"

const toWire = (row: FileRow): Record<string, unknown> => ({
  uuid: row.id,
  sha256: row.sha256,
  size: row.size,
  created_at: Moment.iso(row.createdAt),
  updated_at: Moment.iso(row.updatedAt)
})

const upload = (engine: Engine): Answer =>
  engine.store.files.upload(Body.bytes(engine.maxUploadBytes, "a file"), { maxBytes: engine.maxUploadBytes }).pipe(
    Effect.map(({ id, sha256, size }) => Reply.json(201, { uuid: id, sha256, size }))
  )

const list = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const query = yield* Query.parameters
    const rows = yield* engine.store.files.list({
      ...(yield* Query.page(query)),
      since: yield* Query.moment(query, "since"),
      until: yield* Query.moment(query, "until")
    })
    return Reply.json(200, { files: rows.map(toWire) })
  })

const get = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const sha256 = yield* param("sha256")
    const row = yield* engine.store.files.get(sha256)
    if (Option.isNone(row)) return yield* notFound(`file not found: ${sha256}`)
    return Reply.json(200, toWire(row.value))
  })

/**
 * @since 0.1.0
 * @category routes
 */
export const make = (engine: Engine): ReadonlyArray<Route> => [
  route("GET", "/v1/files", list(engine)),
  route("POST", "/v1/files", upload(engine)),
  route("GET", "/v1/files/:sha256", get(engine)),
  route("HEAD", "/v1/files/:sha256", get(engine))
]
