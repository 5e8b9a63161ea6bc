/**
 * `/v1/operations/{id}/subprocesses`: the processes of a run while it goes on. Protocol: sections 2.4, 3.3 and 3.5.
 *
 * @since 0.1.0
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as StreamRepr from "effect-contree/StreamRepr"
import * as Wire from "effect-contree/Wire"
import { constants } from "node:os"
import * as ExecRequest from "../run/ExecRequest.js"
import type { LiveProcess } from "../run/LiveProcess.js"
import * as Processes from "../run/Processes.js"
import { badRequest } from "../run/Refusal.js"
import type { Refusal } from "../run/Refusal.js"
import * as Ending from "../run/Ending.js"
import * as RunResult from "../run/RunResult.js"
import type { StoreError } from "../store/StoreError.js"
import * as Body from "./Body.js"
import * as Engines from "./Engine.js"
import type { Engine } from "./Engine.js"
import { operationNotFound } from "./OperationRoutes.js"
import * as Query from "./Query.js"
import * as Reply from "./Reply.js"
import { param, route } from "./Route.js"
import type { Answer, Needs, Route } from "./Route.js"

const spidOf: Effect.Effect<number, never, Needs> = Effect.map(param("spid"), Number)

const processesOf = (engine: Engine): Effect.Effect<Processes.Processes, Refusal | StoreError, Needs> =>
  Effect.flatMap(param("id"), engine.runner.processes)

const processOf = (engine: Engine): Effect.Effect<LiveProcess, Refusal | StoreError, Needs> =>
  Effect.gen(function*() {
    const spid = yield* spidOf
    return yield* (yield* processesOf(engine)).get(spid)
  })

const create = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const processes = yield* processesOf(engine)
    const request = yield* Effect.flatMap(Body.json(Wire.ExecSpec), ExecRequest.make)
    const spid = yield* processes.exec(request)
    return Reply.json(201, { spid }, { location: `/v1/operations/${yield* param("id")}/subprocesses/${spid}` })
  })

const get = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const id = yield* param("id")
    const spid = yield* spidOf
    const found = yield* engine.store.operations.get(id)
    if (Option.isNone(found)) return yield* operationNotFound
    // an import has no processes, and will have none: nobody is to wait for them
    if (found.value.kind !== "instance") return yield* Processes.processNotFound(spid)
    const over = !Ending.active.includes(Engines.known(engine, found.value).status)
    const result = yield* RunResult.fromLog(engine.log, id, spid, { over })
    if (result !== null) return Reply.json(200, result)
    return yield* spid === Processes.mainSpid && !over ? Processes.notYetUp : Processes.processNotFound(spid)
  })

/** An answer that waits for a process must not be cut for being silent; the next request has the limit again. */
const withoutIdleLimit: Effect.Effect<void, never, HttpServerRequest.HttpServerRequest> = Effect.map(
  HttpServerRequest.HttpServerRequest,
  (request) => {
    NodeHttpServerRequest.toIncomingMessage(request).socket.setTimeout(0)
  }
)

const write = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const process = yield* processOf(engine)
    const body = yield* Body.json(StreamRepr.ClosableStreamRepr)
    const bytes = StreamRepr.toBytes(body)
    if (bytes === undefined) return yield* badRequest("value is not valid base64")
    yield* withoutIdleLimit
    yield* process.write({ bytes, close: body.close === true })
    return Reply.empty(204)
  })

const signals: ReadonlyMap<string, number> = new Map(
  Object.entries(constants.signals).map(([name, number]) => [name.replace(/^SIG/, ""), number])
)

const signalOf: Effect.Effect<number, Refusal, Needs> = Effect.gen(function*() {
  const name = yield* Query.single(yield* Query.parameters, "signal")
  const number = signals.get(name ?? "KILL")
  if (number !== undefined) return number
  return yield* badRequest(`signal must be a name without SIG, such as TERM, INT or KILL`)
})

const signal = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const number = yield* signalOf
    const process = yield* processOf(engine)
    yield* process.signal(number)
    return Reply.empty(204)
  })

/**
 * @since 0.1.0
 * @category routes
 */
export const make = (engine: Engine): ReadonlyArray<Route> => [
  route("POST", "/v1/operations/:id/subprocesses", create(engine)),
  route("GET", "/v1/operations/:id/subprocesses/:spid", get(engine)),
  route("DELETE", "/v1/operations/:id/subprocesses/:spid", signal(engine)),
  route("POST", "/v1/operations/:id/subprocesses/:spid/stdin", write(engine))
]
