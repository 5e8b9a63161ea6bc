/** A span for each public method, cheap: no stack trace, and attributes that hold ids and names alone. */
import * as Effect from "effect/Effect"
import type { ParentSpan } from "effect/Tracer"
import type { Scrub } from "./HttpText.js"
import * as Pull from "./Pull.js"

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

/** The same of what is pulled. */
export const tracedPull =
  (wiring: Scrubbing, method: string, attributes: Attributes = {}) =>
  <A, E, E2>(self: Pull.Pulled<A, E, E2>): Pull.Pulled<A, E, E2> =>
    Pull.withSpan(`Contree.Api.${method}`, options(wiring, attributes))(self)
