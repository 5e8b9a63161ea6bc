/**
 * Waiting that ends with the engine: when it closes, the last tries must not take long.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/**
 * @since 0.1.0
 * @category models
 */
export interface Pauses {
  /** Waits so long, or until the engine closes: then `false`. Cannot be interrupted. */
  readonly pause: (millis: number) => Effect.Effect<boolean>
  /** From now on the engine is closing: who waits goes on. What is waited for later is short, and served. */
  readonly end: () => void
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (): Pauses => {
  const waiting = new Set<() => void>()
  let ended = false
  return {
    // not a race of effects: the fibers that wait here cannot be interrupted
    pause: (millis) =>
      Effect.async((resume) => {
        const over = (): void => {
          clearTimeout(timer)
          waiting.delete(over)
          resume(Effect.sync(() => !ended))
        }
        const timer = setTimeout(over, millis)
        if (!ended) waiting.add(over)
      }),
    end: () => {
      ended = true
      for (const over of [...waiting]) over()
    }
  }
}
