/**
 * What whoever asks for a run must know when it is interrupted: is a request on its way, which may begin a run, or is
 * there only a pause between two of them?
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as GlobalValue from "effect/GlobalValue"
import * as Option from "effect/Option"

export interface Attempt {
  /** true until somebody says that nothing is on its way: who does not keep it says so */
  isSent: boolean
  /** no further attempt */
  isLast: boolean
}

const current = GlobalValue.globalValue(
  "effect-contree/RunAttempt",
  () => FiberRef.unsafeMake<Attempt | undefined>(undefined)
)

/** How long a request may still be answered after the one who asked has gone. */
export const grace: Duration.Duration = Duration.seconds(10)

/** Does somebody keep the time of this request, and want its answer even when it comes late? */
export const isObserved: Effect.Effect<boolean> = Effect.map(FiberRef.get(current), (attempt) => attempt !== undefined)

export const make = (): Attempt => ({ isSent: true, isLast: false })

export const observed = <A, E, R>(self: Effect.Effect<A, E, R>, attempt: Attempt): Effect.Effect<A, E, R> =>
  Effect.locally(self, current, attempt)

/** Sends again as `retried` says: only after answers that say that nothing was done, and not once it is the last. */
export const marked = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  retried: (mayGoOn: () => boolean) => (self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(FiberRef.get(current), (attempt = make()) => {
    let last = Option.none<E>()
    const one = Effect.suspend(() => {
      // the one before became the last in the pause after it
      if (attempt.isLast && Option.isSome(last)) return Effect.fail(last.value)
      attempt.isSent = true
      return Effect.tapError(self, (error) =>
        Effect.sync(() => {
          last = Option.some(error)
          attempt.isSent = false
        }))
    })
    return retried(() => !attempt.isLast)(one)
  })
