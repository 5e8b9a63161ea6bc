/** When a request is sent again. Whether it may be is decided here; how often and how soon, by a schedule. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Errors from "../schemas/Errors.js"
import { isContreeError } from "../schemas/Errors.js"

/** no server is waited for longer than this: its error is handed on at once, with the time it asked for */
const longestWait = Duration.seconds(30)

const askedWait = (error: Errors.ContreeError): Duration.Duration =>
  "retryAfterMillis" in error && error.retryAfterMillis !== undefined
    ? Duration.millis(error.retryAfterMillis)
    : Duration.zero

/**
 * Five tries at most, within about 30 seconds: 0.1 s, 0.2 s, 0.4 s, ... apart (at most 5 s, each up to a fifth shorter
 * or longer), or as long as the server asked for in Retry-After, if that is at most 30 s.
 */
export const defaultPolicy: Schedule.Schedule<unknown, Errors.ContreeError> = Schedule.exponential("100 millis").pipe(
  Schedule.modifyDelay((_, delay) => Duration.min(delay, Duration.seconds(5))),
  Schedule.jittered,
  Schedule.intersect(Schedule.identity<Errors.ContreeError>()),
  Schedule.modifyDelay(([, error], delay) => Duration.max(delay, askedWait(error))),
  Schedule.whileInput((error: Errors.ContreeError) => Duration.lessThanOrEqualTo(askedWait(error), longestWait)),
  Schedule.intersect(Schedule.recurs(4)),
  Schedule.upTo(longestWait)
)

/**
 * 425 and 429 say that nothing was done, whatever the method, and so does a connection that was never made (then
 * `retryable` is true of a POST too); the rest is for requests that may be sent twice.
 */
const mayRepeat = (idempotent: boolean) => (error: unknown): boolean => {
  if (!isContreeError(error)) return false
  if ("status" in error && (error.status === 425 || error.status === 429)) return true
  if (error.retryable !== true) return false
  switch (error._tag) {
    case "ServerError":
    case "GoneError":
      return idempotent
    case "TransportError":
      // Whoever waited for a whole timeout has waited enough.
      return error.code !== "ETIMEDOUT"
    default:
      return false
  }
}

export const retried = (
  policy: Schedule.Schedule<unknown, Errors.ContreeError>,
  idempotent: boolean
) =>
<A, E extends Errors.ContreeError, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const may = mayRepeat(idempotent)
  // Most never fail: a schedule is set up for the others alone, as if it had seen the first failure.
  return Effect.catchAll(self, (error) => {
    if (!may(error)) return Effect.fail(error)
    let isFirst = true
    const rest = Effect.suspend(() => {
      if (!isFirst) return self
      isFirst = false
      return Effect.fail(error)
    })
    return Effect.retry(rest, { schedule: policy, while: may })
  })
}
