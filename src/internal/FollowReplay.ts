/** What a log has now, without waiting for more: breaks are taken up as in `follow`, but no status stands in for it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Errors from "../schemas/Errors.js"
import type * as Event from "../schemas/Event.js"
import { query, type Source, take } from "./FollowConnection.js"
import { conclude, concludeSoFar } from "./FollowEnd.js"
import { isFatal, saysNoRoute, toFollowError } from "./FollowErrors.js"
import { initial, isStuck, maxFailures, pause } from "./FollowState.js"
import * as Pull from "./Pull.js"

/** nothing more comes, unless the check fails */
const endAfter = <E>(check: Effect.Effect<void, E>): Effect.Effect<never, Option.Option<E>> =>
  Effect.zipRight(Effect.mapError(check, Option.some), Pull.ended)

/**
 * What the log has now, and no waiting for more; a break is taken up as in `follow`, and a log that leaves numbers out is
 * checked as there.
 */
export const replay = (
  source: Source,
  options?: { readonly after?: number | undefined }
): Pull.Pulled<Event.OperationEvent, Errors.FollowError> =>
  Effect.suspend(() => {
    const state = initial(source.spid, options?.after)
    const attempt = Effect.suspend((): Effect.Effect<
      Pull.Pulled<Event.OperationEvent, never> | undefined,
      Option.Option<Errors.FollowError>
    > => {
      const phase = state.phase
      if (phase._tag === "Connect") {
        return Effect.sync(() => {
          // a connection that ends well has told all there is
          state.phase = { _tag: "Done" }
          return take(source, state, source.events(query(state, false)))
        })
      }
      if (phase._tag === "Failed") return Effect.fail(Option.some(toFollowError(source, Option.some(phase.error))))
      if (phase._tag === "Ended") return endAfter(conclude(source, state))
      if (phase._tag !== "Broken") return endAfter(concludeSoFar(source, state))
      const error = phase.error
      // 425: nothing has happened yet, so there is nothing to replay
      if (Option.isSome(error) && error.value._tag === "TooEarlyError") {
        return endAfter(concludeSoFar(source, state))
      }
      const mends = Option.isSome(error) && !isFatal(error.value) && !saysNoRoute(error.value) &&
        error.value._tag !== "NotFoundError" && !isStuck(state, error)
      if (!mends || ++state.failures >= maxFailures) return Effect.fail(Option.some(toFollowError(source, error)))
      state.phase = { _tag: "Connect" }
      return Effect.as(pause(state, error), undefined)
    })
    return Pull.sequence(attempt)
  })
