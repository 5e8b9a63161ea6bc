/**
 * The value behind `Process`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Subscribable from "effect/Subscribable"
import type { Lifecycle } from "../internal/ProcessLifecycle.js"
import type * as Errors from "../schemas/Errors.js"
import * as ExitStatus from "../schemas/ExitStatus.js"
import * as Ids from "../schemas/Ids.js"
import type * as Wire from "../schemas/Wire.js"
import * as WireModels from "../schemas/Wire.js"
import type * as ContreeApi from "./ContreeApi.js"
import type { Image } from "./Image.js"
import * as Output from "./Output.js"
import type { Process, State } from "./Process.js"
import * as Views from "./ProcessViews.js"
import type { RunResult } from "./RunResult.js"
import * as RunOutcome from "./RunOutcome.js"

const stateOf = (status: Wire.OperationStatus | null | undefined): State => {
  switch (status) {
    case "SUCCESS":
      return "Succeeded"
    case "FAILED":
    case "CANCELLED":
      return "Failed"
    case "PENDING":
    case "ASSIGNED":
      return "Prepared"
    default:
      return "Executing"
  }
}

const ranks: Readonly<Record<State, number>> = { Prepared: 0, Executing: 1, Succeeded: 2, Failed: 2 }

/** what an event says of the state, if it says something */
const stateFrom = (
  event: { readonly type: string; readonly spid?: number | null; readonly data: { readonly [k: string]: unknown } }
) => {
  if (event.type === "spawn" && event.spid === 1) return Option.some<State>("Executing")
  return event.type === "completion" && typeof event.data["status"] === "string"
    ? Option.some(stateOf(event.data["status"]))
    : Option.none()
}

/** A state is only ever followed by a later one. */
const advancing = <E>(self: Stream.Stream<State, E>): Stream.Stream<State, E> =>
  self.pipe(
    Stream.mapAccum(-1, (rank, state) => {
      const isLater = ranks[state] > rank
      return [isLater ? ranks[state] : rank, isLater ? Option.some(state) : Option.none<State>()]
    }),
    Stream.filterMap((state) => state)
  )

const makeState = (
  api: ContreeApi.Service,
  views: Views.Views
): Subscribable.Subscribable<State, Errors.FollowError> => {
  const get = Effect.map(api.getOperation(views.operationId), ({ status }) => stateOf(status))
  const later = views.events.pipe(Stream.filterMap(stateFrom))
  const changes = Stream.unwrap(
    Effect.map(get, (now) => ranks[now] === 2 ? Stream.make(now) : advancing(Stream.concat(Stream.make(now), later)))
  )
  return Subscribable.make({ get, changes })
}

class ProcessImpl<I extends Image> extends Inspectable.Class implements Process<I> {
  readonly spid = Ids.Spid.make(1)
  readonly operationId: Ids.OperationId
  readonly output: Process<I>["output"]
  readonly stdout: Process<I>["stdout"]
  readonly stderr: Process<I>["stderr"]
  readonly exit: Process<I>["exit"]
  readonly exitCode: Process<I>["exitCode"]
  readonly isRunning: Process<I>["isRunning"]
  readonly state: Process<I>["state"]
  readonly result: Effect.Effect<RunResult<I>, Errors.WaitError>
  readonly detach: Process<I>["detach"]

  constructor(api: ContreeApi.Service, lifecycle: Lifecycle, views: Views.Views, toImage: RunOutcome.ToImage<I>) {
    super()
    const { operationId } = lifecycle
    const attributes = { "contree.operation": operationId }
    this.operationId = operationId
    this.output = views.output(() => true)
    this.stdout = Output.stdout(views.output((stream) => stream === "stdout"))
    this.stderr = Output.stderr(views.output((stream) => stream === "stderr"))
    this.exit = Effect.map(views.ending, ({ exit }) => exit).pipe(
      Effect.withSpan("Contree.Process.exit", { attributes })
    )
    this.exitCode = Effect.map(this.exit, ExitStatus.toExitCode)
    this.isRunning = api.getOperation(operationId).pipe(
      Effect.map(({ status }) => !WireModels.isTerminal(status)),
      Effect.withSpan("Contree.Process.isRunning", { attributes })
    )
    this.state = makeState(api, views)
    this.result = RunOutcome.capture({ method: "Process.result", views, toImage }).pipe(
      Effect.withSpan("Contree.Process.result", { attributes })
    )
    this.detach = Effect.as(lifecycle.detached, operationId)
  }
  toJSON(): unknown {
    return { _id: "Process", operationId: this.operationId, spid: this.spid }
  }
}

/**
 * @internal
 */
export const make = <I extends Image>(
  api: ContreeApi.Service,
  lifecycle: Lifecycle,
  toImage: RunOutcome.ToImage<I>
): Process<I> => new ProcessImpl(api, lifecycle, Views.make({ api, method: "Process", lifecycle }), toImage)
