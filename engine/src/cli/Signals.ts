/**
 * Ctrl-C and its like.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { constants } from "node:os"

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/**
 * @since 0.1.0
 * @category models
 */
export type Signal = (typeof signals)[number]

/**
 * Done at the first signal. A second one meets nobody, so it ends a process that takes too long to end itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const first: Effect.Effect<Deferred.Deferred<Signal>, never, Scope.Scope> = Effect.gen(function*() {
  const done = yield* Deferred.make<Signal>()
  const listen = (signal: Signal): void => {
    for (const each of signals) process.off(each, listen)
    Deferred.unsafeDone(done, Effect.succeed(signal))
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      for (const signal of signals) process.on(signal, listen)
    }),
    () =>
      Effect.sync(() => {
        for (const signal of signals) process.off(signal, listen)
      })
  )
  return done
})

/**
 * What a shell says of a process that a signal ended.
 *
 * @since 0.1.0
 * @category conversions
 */
export const exitCode = (signal: NodeJS.Signals): number => 128 + constants.signals[signal]

/**
 * Works until it is done or a signal comes. Then the work is interrupted and waited for, and the exit code is the
 * signal's.
 *
 * @since 0.1.0
 * @category combinators
 */
export const orInterrupted = <E, R>(
  work: Effect.Effect<number, E, R>
): Effect.Effect<number, E, Exclude<R, Scope.Scope>> =>
  Effect.scoped(Effect.flatMap(
    first,
    (done) => Effect.raceFirst(work, Effect.map(Deferred.await(done), exitCode))
  ))
