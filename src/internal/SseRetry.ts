/**
 * From whoever reads the bytes of an event stream to whoever opens the next one: how long the server wants us to wait in
 * between (`retry:`). It is no event, so it does not come as one.
 */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as GlobalValue from "effect/GlobalValue"

type Tell = (millis: number) => void

const current = GlobalValue.globalValue(
  "effect-contree/SseRetry",
  () => FiberRef.unsafeMake<Tell | undefined>(undefined)
)

/** `tell` hears what connections that `self` makes say, in milliseconds. */
export const observing = (tell: Tell) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.locally(self, current, tell)

/** Who wants to hear it, if anybody does. */
export const observer: Effect.Effect<Tell | undefined> = FiberRef.get(current)
