/**
 * Runs, and operations of any kind. Protocol: sections 2.3, 2.4 and 4.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Ids from "../schemas/Ids.js"
import * as Wire from "../schemas/Wire.js"
import { created, operationAt } from "../internal/ApiCreate.js"
import { events } from "../internal/ApiEvents.js"
import { jsonBody } from "../internal/ApiJson.js"
import { pageOf } from "./ApiImages.js"
import type { EventsQuery, OperationQuery, Service } from "./ContreeApi.js"
import * as ApiPath from "../internal/ApiPath.js"
import * as ApiRequest from "../internal/ApiRequest.js"
import type { Wiring } from "../internal/ApiRequest.js"
import * as ApiStream from "../internal/ApiStream.js"
import { nameOf, traced, tracedPull } from "../internal/ApiSpan.js"
import * as Pull from "../internal/Pull.js"

type Operations = Pick<
  Service,
  "whoami" | "spawnInstance" | "listOperations" | "getOperation" | "cancelOperation" | "operationEvents"
>

/** a bare list; some servers wrap it */
const OperationList = Schema.Union(Wire.OperationSummaries, Schema.Struct({ operations: Wire.OperationSummaries }))

const isList = (
  list: typeof OperationList.Type
): list is typeof Wire.OperationSummaries.Type => Array.isArray(list)

/** why an operation failed: the server's words, which end up in errors and logs, and may repeat what it was sent */
const withoutSecret = (wiring: Wiring) => <A extends { readonly error?: string | null }>(operation: A): A =>
  typeof operation.error === "string" ? { ...operation, error: wiring.scrub(operation.error) } : operation

/** @internal */
export const make = (wiring: Wiring): Operations => ({
  whoami: ApiRequest.json(
    wiring,
    { method: nameOf("whoami"), verb: "GET", path: ["whoami"], expected: [] },
    Wire.WhoAmI
  ).pipe(traced(wiring, "whoami")),

  spawnInstance: (request: Wire.InstanceSpawnRequest) =>
    Effect.flatMap(
      jsonBody(wiring, nameOf("spawnInstance"), Wire.InstanceSpawnRequest, request),
      (body) =>
        created(
          wiring,
          {
            method: nameOf("spawnInstance"),
            path: ["instances"],
            body,
            expected: [404, 422, 425]
          },
          Wire.OperationCreated,
          operationAt
        )
    ).pipe(Effect.map(({ uuid }) => uuid), traced(wiring, "spawnInstance", { image: request.image })),

  listOperations: (query: OperationQuery = {}) =>
    ApiRequest.json(wiring, {
      method: nameOf("listOperations"),
      verb: "GET",
      path: ["operations"],
      query: { ...pageOf(query), status: query.status, kind: query.kind },
      expected: []
    }, OperationList).pipe(
      Effect.map((list) => (isList(list) ? list : list.operations).map(withoutSecret(wiring))),
      traced(wiring, "listOperations")
    ),

  getOperation: (id: Ids.OperationId, options: { readonly inflight?: boolean | undefined } = {}) =>
    ApiRequest.json(wiring, {
      method: nameOf("getOperation"),
      verb: "GET",
      path: ["operations", ApiPath.operation(id)],
      query: { inflight: options.inflight },
      expected: [404],
      operationId: id
    }, Wire.Operation).pipe(Effect.map(withoutSecret(wiring)), traced(wiring, "getOperation", { "operation.id": id })),

  cancelOperation: (id: Ids.OperationId) =>
    ApiRequest.empty(wiring, {
      method: nameOf("cancelOperation"),
      verb: "DELETE",
      path: ["operations", ApiPath.operation(id)],
      expected: [404, 409],
      operationId: id
    }).pipe(traced(wiring, "cancelOperation", { "operation.id": id })),

  operationEvents: (id: Ids.OperationId, query: EventsQuery = {}) => {
    const method = nameOf("operationEvents")
    const chunks = ApiStream.chunks(wiring, {
      method,
      verb: "GET",
      path: ["operations", ApiPath.operation(id), "events"],
      query: { follow: query.follow, spid: query.spid, since: query.since },
      headers: {
        accept: "text/event-stream",
        ...(query.lastEventId === undefined ? {} : { "last-event-id": String(query.lastEventId) })
      },
      expected: [404, 410, 425],
      operationId: id,
      // One connection and no more: whoever follows decides what a 425 or a break means, and when to come back.
      once: true,
      timeout: wiring.idleTimeout
    })
    return Pull.toStream(
      events(chunks, { method, operationId: id, scrub: wiring.scrub }).pipe(
        tracedPull(wiring, "operationEvents", { "operation.id": id, spid: query.spid })
      )
    )
  }
})
