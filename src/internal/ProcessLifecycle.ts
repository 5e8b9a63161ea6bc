/**
 * The life of one run, or one process in it, that we answer for: from its spawn until it has ended, was let go, or was
 * cancelled. Leaving `Running` happens once, and so does what comes with it: the permit goes back, and at most one cancel
 * is sent.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import { shielded } from "./RunShielded.js"

/** How long closing a scope waits for the answer to a cancel. */
const cancelTimeout: Duration.Duration = Duration.seconds(10)

export interface Lifecycle {
  readonly operationId: Ids.OperationId
  readonly isRunning: () => boolean
  /** it is known to have ended: nothing to cancel */
  readonly ended: Effect.Effect<void>
  /** somebody else answers for it now */
  readonly detached: Effect.Effect<void>
  /** cancels it unless it has ended or was let go; done when no cancel is on its way any more, whoever sent it */
  readonly close: Effect.Effect<void>
}

interface Options {
  readonly operationId: Ids.OperationId
  /** what has ended already is no failure of it */
  readonly cancel: Effect.Effect<void, Errors.CancelError>
  /** gives the permit back */
  readonly release: Effect.Effect<void>
  /** as warnings name it; default: run */
  readonly what?: "run" | "import" | "process"
}

/** Says what could not be done; what is gone is what was wanted. */
const cancelQuietly = ({ cancel, operationId, what = "run" }: Options): Effect.Effect<void> =>
  shielded(Effect.catchTag(cancel, "NotFoundError", () => Effect.void), cancelTimeout).pipe(
    Effect.matchEffect({
      onFailure: (error) => Effect.logWarning(`The ${what} may go on: it could not be cancelled. ${error.message}`),
      onSuccess: Option.match({
        onNone: () =>
          Effect.logWarning(
            `The ${what} may go on: the server did not answer its cancellation in ${Duration.format(cancelTimeout)}.`
          ),
        onSome: () => Effect.void
      })
    }),
    Effect.annotateLogs("contree.operation", operationId)
  )

export const make = (options: Options): Lifecycle => {
  let isRunning = true
  const left = Deferred.unsafeMake<void>(FiberId.none)
  const leave = (then: Effect.Effect<void>, otherwise: Effect.Effect<void>): Effect.Effect<void> =>
    Effect.uninterruptible(Effect.suspend(() => {
      if (!isRunning) return otherwise
      isRunning = false
      return Effect.ensuring(then, Effect.zipRight(options.release, Deferred.succeed(left, undefined)))
    }))
  return {
    operationId: options.operationId,
    isRunning: () => isRunning,
    ended: leave(Effect.void, Effect.void),
    detached: leave(Effect.void, Effect.void),
    close: leave(cancelQuietly(options), Deferred.await(left))
  }
}
