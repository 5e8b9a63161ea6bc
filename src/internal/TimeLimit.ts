/**
 * Time limits at a fifth of the price of `Effect.timeout`, which races two fibers: here the work has a fiber, and the clock
 * none. Every request, and every read of a body, has such a limit.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"

type Cancel = () => void

const live = Context.get(DefaultServices.liveServices, Clock.Clock)

/** to timers a longer time is none at all */
const longest = 2 ** 31 - 1

/** Only the real clock is known to go without a fiber that sleeps. */
const schedule = (clock: Clock.Clock, after: Duration.Duration, ring: () => void): Cancel => {
  if (clock === live) {
    const millis = Duration.toMillis(after)
    const timer = millis > longest ? undefined : setTimeout(ring, millis)
    return () => clearTimeout(timer)
  }
  const sleeper = Effect.runFork(clock.sleep(after))
  sleeper.addObserver((exit) => {
    if (Exit.isSuccess(exit)) ring()
  })
  return () => sleeper.unsafeInterruptAsFork(FiberId.none)
}

/** How the fiber ended; `undefined` when it goes on after so long. */
export const awaited = <A, E>(
  fiber: Fiber.RuntimeFiber<A, E>,
  limit: Duration.Duration
): Effect.Effect<Exit.Exit<A, E> | undefined> =>
  Effect.clockWith((clock) =>
    Effect.async((resume) => {
      const end = (exit: Exit.Exit<A, E>): void => {
        cancel()
        resume(Effect.succeed(exit))
      }
      // A clock that is not the real one may ring at once.
      const cancel = schedule(clock, limit, () => {
        fiber.removeObserver(end)
        resume(Effect.succeed(undefined))
      })
      fiber.addObserver(end)
      return Effect.sync(() => {
        cancel()
        fiber.removeObserver(end)
      })
    })
  )

/**
 * Hands over what the work comes to, so that its fiber ends with nothing. A fiber that has ended holds its result, and the
 * set in which Effect keeps all fibers lets V8 keep it until the next full collection of garbage: for what a body consists
 * of, that would be all of it.
 */
const handing = <A, E, R>(self: Effect.Effect<A, E, R>) => {
  const interrupted: Effect.Effect<A, E> = Effect.interrupt
  let result = interrupted
  return {
    work: Effect.matchCause(self, {
      onFailure: (cause) => {
        result = Effect.failCause(cause)
      },
      onSuccess: (value) => {
        result = Effect.succeed(value)
      }
    }),
    /** once, when the work has ended */
    take: (): Effect.Effect<A, E> => {
      const taken = result
      result = interrupted
      return taken
    }
  }
}

/**
 * What takes longer is interrupted, also where whoever waits must not be, and then fails with `onTimeout`. What it sets in
 * FiberRefs stays its own.
 */
export const within = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  limit: Duration.Duration,
  onTimeout: () => E2
): Effect.Effect<A, E | E2, R> =>
  Effect.uninterruptibleMask((restore) => {
    const { take, work } = handing(self)
    return Effect.flatMap(
      Effect.forkDaemon(Effect.interruptible(work)),
      (fiber) =>
        Effect.matchCauseEffect(restore(awaited(fiber, limit)), {
          // Also of an interruption that comes before the waiting has begun.
          onFailure: (cause) => Effect.zipRight(Fiber.interrupt(fiber), Effect.failCause(cause)),
          onSuccess: (exit): Effect.Effect<A, E | E2> =>
            exit === undefined
              ? Effect.flatMap(
                Fiber.interrupt(fiber),
                // It may have come to its end all the same.
                (late): Effect.Effect<A, E | E2> => Exit.isSuccess(late) ? take() : Effect.fail(onTimeout())
              )
              : take()
        })
    )
  })
