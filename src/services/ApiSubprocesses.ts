/**
 * Second processes in a running sandbox. Protocol: section 2.4.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Ids from "../schemas/Ids.js"
import * as StreamRepr from "../schemas/StreamRepr.js"
import * as Wire from "../schemas/Wire.js"
import { created } from "../internal/ApiCreate.js"
import { jsonBody } from "../internal/ApiJson.js"
import type { Service } from "./ContreeApi.js"
import * as ApiPath from "../internal/ApiPath.js"
import * as ApiRequest from "../internal/ApiRequest.js"
import type { Wiring } from "../internal/ApiRequest.js"
import { nameOf, traced } from "../internal/ApiSpan.js"

const at = (
  id: Ids.OperationId,
  spid: Ids.Spid
) => ["operations", ApiPath.operation(id), "subprocesses", ApiPath.spid(spid)]

/** the process that a `Location` names, where a server gives one */
const subprocessAt: ApiRequest.Named<typeof Wire.SubprocessCreated.Type> = (location) => {
  const last = ApiPath.lastOf(location) ?? ""
  return /^\d{1,15}$/.test(last) ? { spid: Ids.Spid.make(Number(last)) } : undefined
}

type Subprocesses = Pick<
  Service,
  "createSubprocess" | "getSubprocess" | "killSubprocess" | "writeSubprocessStdin"
>

/** @internal */
export const make = (wiring: Wiring): Subprocesses => ({
  createSubprocess: (id: Ids.OperationId, request: Wire.ExecSpec) =>
    Effect.flatMap(
      jsonBody(wiring, nameOf("createSubprocess"), Wire.ExecSpec, request),
      (body) =>
        created(
          wiring,
          {
            method: nameOf("createSubprocess"),
            path: ["operations", ApiPath.operation(id), "subprocesses"],
            body,
            expected: [404, 409, 410, 422, 425],
            operationId: id
          },
          Wire.SubprocessCreated,
          subprocessAt
        )
    ).pipe(
      Effect.map(({ spid }) => spid),
      traced(wiring, "createSubprocess", { "operation.id": id })
    ),

  getSubprocess: (id: Ids.OperationId, spid: Ids.Spid) =>
    ApiRequest.json(wiring, {
      method: nameOf("getSubprocess"),
      verb: "GET",
      path: at(id, spid),
      expected: [404],
      operationId: id
    }, Wire.InstanceResult).pipe(traced(wiring, "getSubprocess", { "operation.id": id, spid })),

  killSubprocess: (id: Ids.OperationId, spid: Ids.Spid, signal?: string) =>
    ApiRequest.empty(wiring, {
      method: nameOf("killSubprocess"),
      verb: "DELETE",
      path: at(id, spid),
      query: { signal },
      expected: [404, 409],
      operationId: id
    }).pipe(traced(wiring, "killSubprocess", { "operation.id": id, spid, signal })),

  writeSubprocessStdin: (
    id: Ids.OperationId,
    spid: Ids.Spid,
    input: { readonly bytes: Uint8Array; readonly close?: boolean | undefined }
  ) =>
    Effect.flatMap(
      jsonBody(wiring, nameOf("writeSubprocessStdin"), StreamRepr.ClosableStreamRepr, {
        ...StreamRepr.fromBytes(input.bytes),
        ...(input.close === undefined ? {} : { close: input.close })
      }),
      (body) =>
        ApiRequest.empty(wiring, {
          method: nameOf("writeSubprocessStdin"),
          verb: "POST",
          path: [...at(id, spid), "stdin"],
          body,
          expected: [404, 409, 410, 425],
          operationId: id
        })
    ).pipe(traced(wiring, "writeSubprocessStdin", { "operation.id": id, spid }))
})
