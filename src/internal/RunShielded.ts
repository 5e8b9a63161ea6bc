/**
 * Work that an interruption must wait for, but not for ever.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TimeLimit from "./TimeLimit.js"

/**
 * Runs to its end, or until the time is over (`None`), whatever happens to the fiber that waits for it.
 *
 * A fiber of its own: an uninterruptible one could not be ended when its time is over.
 */
export const shielded = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  limit: Duration.Duration
): Effect.Effect<Option.Option<A>, E, R> =>
  Effect.uninterruptible(
    Effect.flatMap(Effect.forkDaemon(Effect.interruptible(self)), (fiber) =>
      Effect.flatMap(TimeLimit.awaited(fiber, limit), (exit): Effect.Effect<Option.Option<A>, E> =>
        exit === undefined ? Effect.as(Fiber.interrupt(fiber), Option.none()) : Effect.asSome(exit)))
  )
