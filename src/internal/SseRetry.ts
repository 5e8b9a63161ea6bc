/**
 * From whoever reads the bytes of an event stream to whoever opens the next one: how long the server wants us to wait in
 * between (`retry:`). It is no event, so it does not come as one.
 */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as GlobalValue from "effect/GlobalValue"
import type { Scope } from "effect/Scope"

type Tell = (millis: number) => void

const current = GlobalValue.globalValue(
  "effect-contree/SseRetry",
  () => FiberRef.unsafeMake<Tell | undefined>(undefined)
)

/** As long as the scope is open, `tell` hears what the connections say, in milliseconds. */
export const observing = (tell: Tell): Effect.Effect<void, never, Scope> => Effect.locallyScoped(current, tell)

/** Who wants to hear it, if anybody does. */
export const observer: Effect.Effect<Tell | undefined> = FiberRef.get(current)
