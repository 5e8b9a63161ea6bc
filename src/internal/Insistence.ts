/**
 * Asking for an end so that it is heard. A connection that was kept open may have died without a word, and then nothing
 * fails: no answer comes. So such a request is sent again beside the one that waits, on a connection of its own, and the
 * first answer counts.
 *
 * The one that waits is not given up: a server that is only slow may drop what it does for whoever hangs up.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as GlobalValue from "effect/GlobalValue"

/** A request goes so long without an answer before the next one leaves. */
const patience: Duration.Duration = Duration.seconds(3)

/** The last of them still has a while of the ten seconds that ending something may take. */
const most = 3

/** how often it was sent */
export interface Sent {
  count: number
}

const current = GlobalValue.globalValue(
  "effect-contree/Insistence",
  () => FiberRef.unsafeMake<Sent | undefined>(undefined)
)

/** Of one request, and only of what does no more when it is done twice. */
export const insisting = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  sent: Sent = { count: 0 }
): Effect.Effect<A, E, R> => Effect.locally(self, current, sent)

/** The pause can be interrupted wherever this runs: whoever has the answer waits for no pause. */
const beside = <A, E, R>(one: Effect.Effect<A, E, R>, left: number): Effect.Effect<A, E, R> =>
  left === 0
    ? one
    : Effect.raceFirst(one, Effect.zipRight(Effect.interruptible(Effect.sleep(patience)), beside(one, left - 1)))

/** One exchange, for whoever asked for it: once, or insistingly. */
export const exchange = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(FiberRef.get(current), (sent) => {
    if (sent === undefined) return self
    const counted = Effect.suspend(() => {
      sent.count++
      return self
    })
    return beside(counted, most - 1)
  })
