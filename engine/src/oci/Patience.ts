/**
 * Failures that may pass, and how long they are borne.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ImportError, Reason } from "./ImportError.js"
import { importError } from "./ImportError.js"

/**
 * Why one try failed, whether another may do better, and how long the other side asks to wait before it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Failed {
  readonly _tag: "Failed"
  readonly retryable: boolean
  readonly after: Duration.Duration | undefined
  readonly error: ImportError
}

/**
 * Another try would end the same way.
 *
 * @since 0.1.0
 * @category constructors
 */
export const final = (reason: Reason, description: string): Failed => ({
  _tag: "Failed",
  retryable: false,
  after: undefined,
  error: importError(reason, description)
})

/**
 * Another try may do better.
 *
 * @since 0.1.0
 * @category constructors
 */
export const passing = (description: string, after?: Duration.Duration): Failed => ({
  _tag: "Failed",
  retryable: true,
  after,
  error: importError("Unreachable", description)
})

/**
 * How often something is tried that does not get on.
 *
 * @since 0.1.0
 * @category defaults
 */
export const tries = 5

/**
 * Before the next try, after so many: half a second, then twice as long each time, or what the other side asks for.
 *
 * @since 0.1.0
 * @category conversions
 */
export const pauseOf = (failed: Failed, done: number): Duration.Duration =>
  failed.after ?? Duration.millis(500 * 2 ** (done - 1))

/**
 * Tries until it succeeds, fails for good, or has been tried often enough. `onTrouble` is told of each failure that is
 * tried again.
 *
 * @since 0.1.0
 * @category trying
 */
export const patiently =
  (onTrouble: (error: ImportError) => void) =>
  <A, R>(self: Effect.Effect<A, Failed, R>): Effect.Effect<A, ImportError, R> => {
    const attempt = (done: number): Effect.Effect<A, ImportError, R> =>
      Effect.catchAll(self, (failed) => {
        if (!failed.retryable || done >= tries) return Effect.fail(failed.error)
        onTrouble(failed.error)
        return Effect.zipRight(Effect.sleep(pauseOf(failed, done)), attempt(done + 1))
      })
    return attempt(1)
  }
