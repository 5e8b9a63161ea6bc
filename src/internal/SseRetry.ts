/**
 * From whoever reads the bytes of an event stream to whoever opens the next one: how long the server wants us to wait in
 * between (`retry:`). It is no event, so it does not come as one.
 */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as GlobalValue from "effect/GlobalValue"
import * as Stream from "effect/Stream"

type Tell = (millis: number) => void

const current = GlobalValue.globalValue(
  "effect-contree/SseRetry",
  () => FiberRef.unsafeMake<Tell | undefined>(undefined)
)

/** `tell` hears what the connections within say, in milliseconds. */
export const observed = <A, E, R>(self: Stream.Stream<A, E, R>, tell: Tell): Stream.Stream<A, E, R> =>
  Stream.unwrapScoped(Effect.as(Effect.locallyScoped(current, tell), self))

/** Who wants to hear it, if anybody does. */
export const observer: Effect.Effect<Tell | undefined> = FiberRef.get(current)
