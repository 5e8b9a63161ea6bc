/** What the status is asked for when a log has ended: whether the log gave all that there is. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import * as Wire from "../schemas/Wire.js"
import type { Source } from "./FollowConnection.js"
import type { State } from "./FollowState.js"
import { objection } from "./FollowSynthesis.js"

const settleTries = 10
const settlePause = Duration.seconds(1)

/** The operation once its status says that it is over: the log may be ahead of the status by a moment. */
export const settled = (
  method: string,
  operationId: Ids.OperationId,
  get: Effect.Effect<Wire.Operation, Errors.LookupError>
): Effect.Effect<Wire.Operation, Errors.FollowError> => {
  const ask = (left: number): Effect.Effect<Wire.Operation, Errors.FollowError> =>
    Effect.flatMap(get, (operation) => {
      if (Wire.isTerminal(operation.status)) return Effect.succeed(operation)
      return left > 0
        ? Effect.zipRight(Effect.sleep(settlePause), ask(left - 1))
        : Effect.fail(
          new Errors.EventStreamError({
            method,
            operationId,
            description: `the log has ended, and the status is ${operation.status ?? "not given"} all the same`
          })
        )
    })
  return ask(settleTries)
}

/** Fails where the status objects to what was read; where it is forgotten, nobody knows more than the log. */
const checked = (
  source: Source,
  state: State,
  operation: Effect.Effect<Wire.Operation, Errors.FollowError>,
  isOver: boolean
): Effect.Effect<void, Errors.FollowError> => {
  if (!state.hasGaps || !state.progress.whole) return Effect.void
  return Effect.catchTag(
    Effect.flatMap(operation, (found) => {
      const description = objection(state.progress, found, isOver)
      const { method, operationId } = source
      return description === undefined
        ? Effect.void
        : Effect.fail(new Errors.EventStreamError({ method, operationId, description }))
    }),
    "NotFoundError",
    () => Effect.void
  )
}

/**
 * After the last event. A log that leaves numbers out (that of one process always does) cannot show that an event is
 * missing: one that came late, after which the connection broke, would be passed over. What the status has of the output
 * must have been read.
 */
export const conclude = (source: Source, state: State): Effect.Effect<void, Errors.FollowError> =>
  checked(source, state, settled(source.method, source.operationId, source.operation), true)

/** The same where a log ended before its operation: there may be more by now, and what was read must come before it. */
export const concludeSoFar = (source: Source, state: State): Effect.Effect<void, Errors.FollowError> =>
  checked(source, state, source.inflight ?? source.operation, false)
