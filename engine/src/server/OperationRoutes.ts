/**
 * `/v1/instances` and `/v1/operations`, but for events. Protocol: sections 2.3, 2.4, 3.4 to 3.8.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Wire from "effect-contree/Wire"
import * as Ending from "../run/Ending.js"
import * as Moment from "../run/Moment.js"
import { badRequest, notFound } from "../run/Refusal.js"
import * as RunRequest from "../run/RunRequest.js"
import * as RunResult from "../run/RunResult.js"
import type { OperationRow } from "../store/OperationStore.js"
import * as Body from "./Body.js"
import * as Engines from "./Engine.js"
import type { Engine } from "./Engine.js"
import * as Query from "./Query.js"
import * as Reply from "./Reply.js"
import { param, route } from "./Route.js"
import type { Answer, Route } from "./Route.js"

const statuses = ["PENDING", "ASSIGNED", "EXECUTING", "SUCCESS", "FAILED", "CANCELLED"]
const kinds = ["instance", "image_import"]

/**
 * 404 in the service's own words.
 *
 * @since 0.1.0
 * @category errors
 */
export const operationNotFound: ReturnType<typeof notFound> = notFound("Operation not found")

const summary = (row: OperationRow): Record<string, unknown> => ({
  uuid: row.id,
  kind: row.kind,
  status: row.status,
  error: row.error,
  created_at: Moment.iso(row.createdAt),
  duration: row.duration,
  image_size: row.imageSize,
  consumed_cpu: row.consumedCpu,
  consumed_memory: row.consumedMemory,
  image_uuid: row.imageId,
  result_image_uuid: row.resultImageId
})

// written by this engine, or by an older one on the same store
const record = (text: string | null): Record<string, unknown> | null => {
  if (text === null) return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? { ...value } : null
  } catch {
    return null
  }
}

const spawn = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const wire = yield* Body.json(Wire.InstanceSpawnRequest)
    const request = yield* RunRequest.make(wire, { network: engine.network })
    const plan = yield* engine.runner.spawn(request)
    const body = { uuid: plan.operationId, ...request.echo, result: null }
    return Reply.json(201, body, { location: `/v1/operations/${plan.operationId}` })
  })

const get = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const id = yield* param("id")
    const inflight = yield* Query.flag(yield* Query.parameters, "inflight")
    const found = yield* engine.store.operations.get(id)
    if (Option.isNone(found)) return yield* operationNotFound
    const row = Engines.known(engine, found.value)
    const active = Ending.active.includes(row.status)
    const metadata = record(row.metadata)
    const result = row.kind === "instance" && (inflight || !active)
      ? yield* RunResult.fromLog(engine.log, row.id, 1)
      : null
    const body = {
      ...summary(row),
      metadata: metadata === null || row.kind !== "instance" ? metadata : { ...metadata, result },
      result: record(row.result)
    }
    return Reply.json(200, body, active ? { "retry-after": "1" } : {})
  })

const list = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const query = yield* Query.parameters
    const status = yield* Query.single(query, "status")
    const kind = yield* Query.single(query, "kind")
    if (status !== undefined && !statuses.includes(status)) {
      return yield* badRequest(`status must be one of ${statuses.join(", ")}`)
    }
    if (kind !== undefined && !kinds.includes(kind)) return yield* badRequest(`kind must be one of ${kinds.join(", ")}`)
    const rows = yield* engine.store.operations.list({
      ...(yield* Query.page(query)),
      status,
      kind,
      since: yield* Query.moment(query, "since"),
      until: yield* Query.moment(query, "until")
    })
    return Reply.json(200, rows.map((row) => summary(Engines.known(engine, row))))
  })

const cancel = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const id = yield* param("id")
    if (!(yield* engine.importer.cancel(id))) yield* engine.runner.cancel(id)
    return Reply.empty(202)
  })

/**
 * @since 0.1.0
 * @category routes
 */
export const make = (engine: Engine): ReadonlyArray<Route> => [
  route("POST", "/v1/instances", spawn(engine)),
  route("GET", "/v1/operations", list(engine)),
  route("GET", "/v1/operations/:id", get(engine)),
  route("DELETE", "/v1/operations/:id", cancel(engine))
]
