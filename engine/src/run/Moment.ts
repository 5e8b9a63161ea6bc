/**
 * Moments as this engine writes them. Protocol: sections 3.8 and 4.2.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Timestamp from "effect-contree/Timestamp"

/** Nanoseconds since 1970 as RFC 3339. */
export const fromNanos = (nanos: bigint): string =>
  Timestamp.format({ seconds: Number(nanos / 1_000_000_000n), nanos: Number(nanos % 1_000_000_000n) })

/** This very moment, for events. */
export const now: Effect.Effect<string> = Effect.map(Clock.currentTimeNanos, fromNanos)

/** For `created_at` and the like: six digits and a numeric offset, which every ISO parser can read. */
export const iso = (moment: Timestamp.Timestamp): string => {
  const whole = Timestamp.format({ seconds: moment.seconds, nanos: 0 }).slice(0, 19)
  return `${whole}.${String(Math.floor(moment.nanos / 1000)).padStart(6, "0")}+00:00`
}

/** Milliseconds since 1970 as the store's filters take them. */
export const fromMillis = (millis: number): Timestamp.Timestamp => {
  const seconds = Math.floor(millis / 1000)
  return { seconds, nanos: Math.round((millis - seconds * 1000) * 1_000_000) }
}
