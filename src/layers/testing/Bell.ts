/**
 * Wakes everybody who waits for something to change.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/** @internal */
export interface Bell {
  readonly ring: () => void
  /** until the next ring from now on: who looks and then waits, without a pause between, misses none */
  readonly next: Effect.Effect<void>
}

/** @internal */
export const make = (): Bell => {
  let latch = Effect.unsafeMakeLatch()
  return {
    ring: () => {
      const old = latch
      latch = Effect.unsafeMakeLatch()
      old.unsafeOpen()
    },
    next: Effect.suspend(() => latch.await)
  }
}
