/** A span for each public method, cheap: no stack trace, and attributes that hold ids and names alone. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ParentSpan } from "effect/Tracer"

type Attributes = Readonly<Record<string, string | number | undefined>>

const options = (attributes: Attributes) => ({
  kind: "client" as const,
  captureStackTrace: false,
  attributes: Object.fromEntries(
    Object.entries(attributes)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [`contree.${key}`, value])
  )
})

/** the name in errors; the name of the span is `Contree.Api.<method>` */
export const nameOf = (method: string): string => `ContreeApi.${method}`

export const traced =
  (method: string, attributes: Attributes = {}) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, ParentSpan>> =>
    Effect.withSpan(self, `Contree.Api.${method}`, options(attributes))

export const tracedStream =
  (method: string, attributes: Attributes = {}) =>
  <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, Exclude<R, ParentSpan>> =>
    Stream.withSpan(self, `Contree.Api.${method}`, options(attributes))
