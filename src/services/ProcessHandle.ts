/**
 * The value behind `Process`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Subscribable from "effect/Subscribable"
import type { Lifecycle } from "../internal/ProcessLifecycle.js"
import type * as Errors from "../schemas/Errors.js"
import * as Ids from "../schemas/Ids.js"
import * as Wire from "../schemas/Wire.js"
import type { Image } from "./Image.js"
import type { Gated } from "./Machine.js"
import type { Process, State } from "./Process.js"
import { Base } from "./ProcessBase.js"
import * as ProcessExec from "./ProcessExec.js"
import * as Views from "./ProcessViews.js"
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

/** How it stands now. An end that shows so is known, as one that was read is: its place is free, and nothing to cancel. */
const makeStatus = (
  { api }: Gated,
  { ended, operationId }: Lifecycle
): Effect.Effect<Wire.Operation["status"], Errors.LookupError> =>
  api.getOperation(operationId).pipe(
    Effect.map(({ status }) => status),
    Effect.tap((status) => Wire.isTerminal(status) ? ended : Effect.void)
  )

const makeState = (
  { gate }: Gated,
  status: ReturnType<typeof makeStatus>,
  views: Views.Views
): Subscribable.Subscribable<State, Errors.FollowError | Errors.DisposableImageRunError> => {
  const get = Effect.zipRight(gate.check("Process.state"), Effect.map(status, stateOf))
  const later = views.events.pipe(Stream.filterMap(stateFrom))
  const changes = Stream.unwrap(
    Effect.map(get, (now) => ranks[now] === 2 ? Stream.make(now) : advancing(Stream.concat(Stream.make(now), later)))
  )
  return Subscribable.make({ get, changes })
}

/** Whoever reads the result again gets the same image: its tag, which may have moved on, is set once. */
const once = <I extends Image>(toImage: RunOutcome.ToImage<I>): RunOutcome.ToImage<I> => {
  const lock = Effect.unsafeMakeSemaphore(1)
  let made: I | undefined
  return (...ended) =>
    lock.withPermits(1)(
      Effect.suspend(() =>
        made !== undefined ? Effect.succeed(made) : Effect.tap(toImage(...ended), (image) =>
          Effect.sync(() => {
            made = image
          }))
      )
    )
}

class ProcessImpl<I extends Image> extends Base implements Process<I> {
  readonly state: Process<I>["state"]
  readonly result: Process<I>["result"]
  readonly detach: Process<I>["detach"]
  readonly exec: Process<I>["exec"]

  constructor(deps: Gated, options: Options<I>, views: Views.Views) {
    const { gate } = deps
    const { lifecycle, toImage } = options
    const { operationId } = lifecycle
    const status = makeStatus(deps, lifecycle)
    super(deps, {
      operationId,
      spid: Ids.Spid.make(1),
      isStdinOpen: options.isStdinOpen,
      events: views.events,
      output: views.output,
      exit: Effect.map(views.ending, ({ exit }) => exit),
      isRunning: Effect.map(status, (now) => !Wire.isTerminal(now))
    })
    this.state = makeState(deps, status, views)
    this.result = gate.check("Process.result").pipe(
      Effect.zipRight(RunOutcome.capture({ method: "Process.result", views, toImage: once(toImage) })),
      Effect.withSpan("Contree.Process.result", { attributes: { "contree.operation": operationId } })
    )
    this.detach = Effect.as(lifecycle.detached, operationId)
    this.exec = ProcessExec.make(deps, operationId)
  }
}

interface Options<I extends Image> {
  readonly lifecycle: Lifecycle
  readonly toImage: RunOutcome.ToImage<I>
  /** false: it was started with all of its input */
  readonly isStdinOpen: boolean
}

/**
 * @internal
 */
export const make = <I extends Image>(deps: Gated, options: Options<I>): Process<I> =>
  new ProcessImpl(
    deps,
    options,
    Views.make({ api: deps.api, method: "Process", lifecycle: options.lifecycle })
  )
