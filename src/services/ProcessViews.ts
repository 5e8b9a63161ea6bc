/**
 * Reading a run: every view is its own replay of the operation's log, and what the log ends with is checked against the
 * operation itself, which is asked once.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import type * as Stream from "effect/Stream"
import * as Follow from "../internal/Follow.js"
import * as FollowEnd from "../internal/FollowEnd.js"
import { resultOf } from "../internal/FollowSynthesis.js"
import type { Lifecycle } from "../internal/ProcessLifecycle.js"
import * as Pull from "../internal/Pull.js"
import * as Errors from "../schemas/Errors.js"
import * as Event from "../schemas/Event.js"
import * as ExitStatus from "../schemas/ExitStatus.js"
import type * as Ids from "../schemas/Ids.js"
import * as Timestamp from "../schemas/Timestamp.js"
import type * as Wire from "../schemas/Wire.js"
import type * as ContreeApi from "./ContreeApi.js"
import type { Event as OperationEvent } from "./Operations.js"
import type * as Output from "./Output.js"
import * as ProcessOutput from "./ProcessOutput.js"

/**
 * Where the log of an operation is.
 *
 * @internal
 */
export const source = (api: ContreeApi.Service, method: string, operationId: Ids.OperationId): Follow.Source => ({
  operationId,
  method,
  events: (query) => api.operationEvents(operationId, query),
  operation: Effect.suspend(() => api.getOperation(operationId)),
  inflight: Effect.suspend(() => api.getOperation(operationId, { inflight: true }))
})

/**
 * A line of the log as programs see it.
 *
 * @internal
 */
export const toEvent = (envelope: Event.OperationEvent): OperationEvent => ({
  ...Event.fromEnvelope(envelope),
  id: envelope.id,
  at: Timestamp.toDateTime(envelope.ts)
})

/**
 * The operation once it has ended, and how its command did.
 *
 * @internal
 */
export interface Ending {
  readonly operation: Wire.Operation
  readonly exit: ExitStatus.ExitStatus
  /** the exit event of the log, where it was seen */
  readonly event: Event.Payload<"exit"> | undefined
}

/**
 * @internal
 */
export type Log = Pull.Pulled<Event.OperationEvent, Errors.FollowError>

/**
 * A log whose events `note` sees on their way; `over` comes at its end.
 *
 * @internal
 */
export const noted = (log: Log, note: (event: Event.OperationEvent) => void, over: Effect.Effect<void>): Log =>
  Effect.map(log, (pull) =>
    Pull.concluded(
      Effect.map(pull, (events) => {
        for (const event of events) note(event)
        return events
      }),
      over
    ))

/**
 * Reads it to its end.
 *
 * @internal
 */
export const drained = (log: Log): Effect.Effect<void, Errors.FollowError> => Pull.forEachChunk(log, constVoid)

/**
 * @internal
 */
export interface Views {
  readonly operationId: Ids.OperationId
  /** the whole log */
  readonly log: Log
  /** the same as a stream */
  readonly events: Stream.Stream<Event.OperationEvent, Errors.FollowError>
  /** what the main command wrote */
  readonly items: ProcessOutput.Items
  /** Waits for the end, if it is not known. Fails when the run failed or was cancelled. */
  readonly ending: Effect.Effect<Ending, Errors.WaitError>
  /** complete, or failed */
  readonly output: (wanted: (stream: ProcessOutput.Name) => boolean) => Stream.Stream<Output.Output, Errors.OutputError>
}

/**
 * What an operation that did not succeed fails with.
 *
 * @internal
 */
export const checkStatus = (
  method: string,
  operation: Wire.Operation,
  exit: ExitStatus.ExitStatus = { _tag: "Unknown" }
): Effect.Effect<void, Errors.FailedOperationError | Errors.CancelledOperationError> => {
  const common = {
    method,
    operationId: operation.uuid,
    ...(operation.error === undefined || operation.error === null ? {} : { description: operation.error })
  }
  switch (operation.status) {
    case "FAILED":
      return Effect.fail(new Errors.FailedOperationError(exit._tag === "Unknown" ? common : { ...common, exit }))
    case "CANCELLED":
      return Effect.fail(new Errors.CancelledOperationError(common))
    default:
      return Effect.void
  }
}

const exitOf = (operation: Wire.Operation, event: Event.Payload<"exit"> | undefined): ExitStatus.ExitStatus => {
  const state = resultOf(operation)?.state
  const exit = ExitStatus.fromWire({ code: state?.exit_code, signal: state?.signal, timedOut: state?.timed_out })
  return exit._tag !== "Unknown" || event === undefined
    ? exit
    : ExitStatus.fromWire({ code: event.code, signal: event.signal, timedOut: event.timed_out })
}

/**
 * @internal
 */
export const make = (options: {
  readonly api: ContreeApi.Service
  readonly method: string
  readonly lifecycle: Lifecycle
}): Views => {
  const { api, lifecycle, method } = options
  const { operationId } = lifecycle
  const from = source(api, method, operationId)
  // Shared by the views, and the same whichever of them comes first.
  let exitEvent: Event.Payload<"exit"> | undefined
  let ended: Wire.Operation | undefined
  let isOver = false
  const lock = Effect.unsafeMakeSemaphore(1)

  const noteExit = (event: Event.OperationEvent): void => {
    if (exitEvent !== undefined || event.type !== "exit" || event.spid !== 1) return
    const read = Event.fromEnvelope(event)
    if (read._tag === "exit") exitEvent = read.data
  }
  const over = Effect.suspend(() => {
    isOver = true
    return lifecycle.ended
  })
  const log = noted(Follow.follow(from), noteExit, over)

  const operation: Effect.Effect<Wire.Operation, Errors.FollowError> = lock.withPermits(1)(
    Effect.suspend(() =>
      ended !== undefined
        ? Effect.succeed(ended)
        : Effect.map(FollowEnd.settled(method, operationId, from.operation), (found) => ended = found)
    )
  )
  const ending: Views["ending"] = Effect.suspend(() => isOver ? Effect.void : drained(log)).pipe(
    Effect.zipRight(operation),
    Effect.map((found) => ({ operation: found, exit: exitOf(found, exitEvent), event: exitEvent })),
    Effect.tap(({ exit, operation: found }) => checkStatus(method, found, exit))
  )

  const writer = { method, operationId, spid: 1 }
  const items = ProcessOutput.makeItems(writer, log)
  const output = ProcessOutput.makeOutput(
    writer,
    items,
    Effect.map(ending, ({ operation: found }) => resultOf(found))
  )

  return { operationId, log, events: Pull.toStream(log), items, ending, output }
}
