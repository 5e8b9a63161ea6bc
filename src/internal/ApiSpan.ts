/** A span for each public method, cheap: no stack trace, and attributes that hold ids and names alone. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ParentSpan } from "effect/Tracer"
import type { Scrub } from "./HttpText.js"
import type { Pulled } from "./Pull.js"

type Attributes = Readonly<Record<string, string | number | undefined>>

interface Scrubbing {
  readonly scrub: Scrub
}

/** an argument may be anything, also the token by mistake */
const options = ({ scrub }: Scrubbing, attributes: Attributes) => ({
  kind: "client" as const,
  captureStackTrace: false,
  attributes: Object.fromEntries(
    Object.entries(attributes)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [`contree.${key}`, typeof value === "string" ? scrub(value) : value])
  )
})

/** the name in errors; the name of the span is `Contree.Api.<method>` */
export const nameOf = (method: string): string => `ContreeApi.${method}`

export const traced =
  (wiring: Scrubbing, method: string, attributes: Attributes = {}) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, ParentSpan>> =>
    Effect.withSpan(self, `Contree.Api.${method}`, options(wiring, attributes))

export const tracedStream =
  (wiring: Scrubbing, method: string, attributes: Attributes = {}) =>
  <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, Exclude<R, ParentSpan>> =>
    Stream.withSpan(self, `Contree.Api.${method}`, options(wiring, attributes))

/** The same of what is pulled: the span lasts as long as its scope, and begins with it. */
export const tracedPull =
  (wiring: Scrubbing, method: string, attributes: Attributes = {}) =>
  <A, E, E2>(self: Pulled<A, E, E2>): Pulled<A, E, E2> =>
    Effect.gen(function*() {
      const clock = yield* Effect.clock
      const scope = yield* Effect.scope
      const span = yield* Effect.makeSpan(`Contree.Api.${method}`, options(wiring, attributes))
      yield* Scope.addFinalizerExit(scope, (exit) => Effect.sync(() => span.end(clock.unsafeCurrentTimeNanos(), exit)))
      return yield* Effect.withParentSpan(self, span)
    })
