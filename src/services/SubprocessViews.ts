/**
 * Reading a process beside the main command: as in `ProcessViews`, but of the log only its own events, up to its own
 * exit. Protocol: 2.4 and 4.4.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import * as Follow from "../internal/Follow.js"
import { settled } from "../internal/FollowEnd.js"
import { resultOf } from "../internal/FollowSynthesis.js"
import type { Lifecycle } from "../internal/ProcessLifecycle.js"
import * as Pull from "../internal/Pull.js"
import type * as Errors from "../schemas/Errors.js"
import * as Event from "../schemas/Event.js"
import * as ExitStatus from "../schemas/ExitStatus.js"
import type * as Ids from "../schemas/Ids.js"
import * as Wire from "../schemas/Wire.js"
import type * as ContreeApi from "./ContreeApi.js"
import type * as Output from "./Output.js"
import * as ProcessOutput from "./ProcessOutput.js"
import { checkStatus, drained, noted } from "./ProcessViews.js"

/**
 * @internal
 */
export interface SubprocessViews {
  /** its part of the log */
  readonly events: Stream.Stream<Event.OperationEvent, Errors.FollowError>
  /** complete, or failed */
  readonly output: (wanted: (stream: ProcessOutput.Name) => boolean) => Stream.Stream<Output.Output, Errors.OutputError>
  /**
   * Waits for the end. `Unknown` for one that was still there when its run ended well, which says nothing of it; when
   * the run failed or was cancelled, it fails as the run does.
   */
  readonly exit: Effect.Effect<ExitStatus.ExitStatus, Errors.WaitError>
  /** asks the server now */
  readonly isRunning: Effect.Effect<boolean, Errors.LookupError>
}

const exitOf = (result: Wire.InstanceResult | undefined): ExitStatus.ExitStatus =>
  ExitStatus.fromWire({
    code: result?.state?.exit_code,
    signal: result?.state?.signal,
    timedOut: result?.state?.timed_out
  })

/**
 * How the process stands, told as an operation: over when it has ended, or its run has. The run is asked first: what is
 * said of the process after the run's end does not change any more.
 */
const standing = (
  api: ContreeApi.Service,
  operationId: Ids.OperationId,
  spid: Ids.Spid
): Effect.Effect<Wire.Operation, Errors.LookupError> =>
  Effect.gen(function*() {
    const run = yield* api.getOperation(operationId)
    const isOver = Wire.isTerminal(run.status)
    const result = yield* Effect.catchTag(
      api.getSubprocess(operationId, spid),
      "NotFoundError",
      // a server may forget the processes of a run that is over
      (error) => isOver ? Effect.succeed(undefined) : Effect.fail(error)
    )
    const hasEnded = exitOf(result)._tag !== "Unknown"
    return {
      uuid: operationId,
      kind: "instance",
      status: hasEnded ? "SUCCESS" : run.status ?? null,
      error: hasEnded ? null : run.error ?? null,
      metadata: { result: result ?? null }
    }
  })

/**
 * @internal
 */
export const make = (options: {
  readonly api: ContreeApi.Service
  readonly method: string
  readonly lifecycle: Lifecycle
  readonly spid: Ids.Spid
}): SubprocessViews => {
  const { api, lifecycle, method, spid } = options
  const { operationId } = lifecycle
  const isOwnExit = (event: Event.OperationEvent): boolean => event.type === "exit" && event.spid === spid
  const now = standing(api, operationId, spid)
  // Shared by the views, and the same whichever of them comes first.
  let exit: ExitStatus.ExitStatus | undefined
  let isOver = false

  const noteExit = (event: Event.OperationEvent): void => {
    if (exit !== undefined || !isOwnExit(event)) return
    const read = Event.fromEnvelope(event)
    if (read._tag !== "exit") return
    const { code, signal, timed_out: timedOut } = read.data
    const seen = ExitStatus.fromWire({ code, signal, timedOut })
    if (seen._tag !== "Unknown") exit = seen
  }
  const over = Effect.suspend(() => {
    isOver = true
    return lifecycle.ended
  })
  const from: Follow.Source = {
    operationId,
    method,
    spid,
    isLast: isOwnExit,
    events: (query) => api.operationEvents(operationId, { ...query, spid }),
    operation: now
  }
  const log = noted(Follow.follow(from), noteExit, over)
  const toEnd = Effect.suspend(() => isOver ? Effect.void : drained(log))
  /** what nobody logged, the server may know all the same */
  const asked = settled(method, operationId, now).pipe(
    Effect.tap((found) => checkStatus(method, found)),
    Effect.map((found) => exit = exitOf(resultOf(found)))
  )
  const ended: SubprocessViews["exit"] = Effect.zipRight(
    toEnd,
    Effect.suspend(() => exit === undefined ? asked : Effect.succeed(exit))
  )
  const result = Effect.zipRight(
    ended,
    Effect.catchTag(api.getSubprocess(operationId, spid), "NotFoundError", () => Effect.succeed(undefined))
  )
  const writer = { method, operationId, spid }
  return {
    events: Pull.toStream(log),
    output: ProcessOutput.makeOutput(writer, ProcessOutput.makeItems(writer, log), result),
    exit: ended,
    isRunning: Effect.map(now, ({ status }) => !Wire.isTerminal(status)).pipe(
      Effect.tap((isRunning) => isRunning ? Effect.void : lifecycle.ended)
    )
  }
}
