/**
 * Reading of query parameters, strict where a mistake would silently mean something else. Protocol: section 2.0.
 *
 * @since 0.1.0
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Timestamp } from "effect-contree/Timestamp"
import { fromMillis } from "../run/Moment.js"
import { badRequest } from "../run/Refusal.js"
import type { Refusal } from "../run/Refusal.js"

/**
 * The parameters of the request being answered. Fails with 400 when its query is not valid percent-encoding.
 *
 * @since 0.1.0
 * @category accessors
 */
export const parameters: Effect.Effect<URLSearchParams, Refusal, HttpServerRequest.HttpServerRequest> = Effect.flatMap(
  HttpServerRequest.HttpServerRequest,
  (request) => {
    const at = request.originalUrl.indexOf("?")
    return parse(at === -1 ? "" : request.originalUrl.slice(at + 1))
  }
)

/**
 * The same from the text behind the `?`. A plus sign is a plus sign: clients write spaces as `%20`.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parse = (query: string): Effect.Effect<URLSearchParams, Refusal> =>
  Effect.try({
    try: () => {
      const found = new URLSearchParams()
      for (const pair of query.split("&")) {
        if (pair === "") continue
        const at = pair.indexOf("=")
        const [name, value] = at === -1 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)]
        found.append(decodeURIComponent(name), decodeURIComponent(value))
      }
      return found
    },
    catch: () => badRequest("the query string is not valid percent-encoded UTF-8")
  })

/**
 * A parameter that may be there once; twice is 400, since either could be meant.
 *
 * @since 0.1.0
 * @category parsing
 */
export const single = (query: URLSearchParams, name: string): Effect.Effect<string | undefined, Refusal> => {
  const all = query.getAll(name)
  return all.length > 1 ? Effect.fail(badRequest(`${name} is given more than once`)) : Effect.succeed(all[0])
}

/**
 * `1`, `true` and the bare name are true; `0`, `false` and absence are false.
 *
 * @since 0.1.0
 * @category parsing
 */
export const flag = (query: URLSearchParams, name: string): Effect.Effect<boolean, Refusal> =>
  Effect.flatMap(single(query, name), (value) => {
    switch (value?.toLowerCase()) {
      case undefined:
      case "0":
      case "false":
        return Effect.succeed(false)
      case "":
      case "1":
      case "true":
        return Effect.succeed(true)
      default:
        return Effect.fail(badRequest(`${name} must be 0 or 1`))
    }
  })

/**
 * A decimal integer between two bounds.
 *
 * @since 0.1.0
 * @category parsing
 */
export const integer = (
  query: URLSearchParams,
  name: string,
  range: { readonly min: number; readonly max: number }
): Effect.Effect<number | undefined, Refusal> =>
  Effect.flatMap(single(query, name), (value) => {
    if (value === undefined) return Effect.succeed(undefined)
    const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN
    return number >= range.min && number <= range.max
      ? Effect.succeed(number)
      : Effect.fail(badRequest(
        range.max === Number.MAX_SAFE_INTEGER
          ? `${name} must be an integer of at least ${range.min}`
          : `${name} must be between ${range.min} and ${range.max}`
      ))
  })

/**
 * `limit` (1 to 1000, default 100) and `offset` (from 0).
 *
 * @since 0.1.0
 * @category parsing
 */
export const page = (
  query: URLSearchParams
): Effect.Effect<{ readonly limit: number; readonly offset: number }, Refusal> =>
  Effect.all({
    limit: Effect.map(integer(query, "limit", { min: 1, max: 1000 }), (limit) => limit ?? 100),
    offset: Effect.map(integer(query, "offset", { min: 0, max: Number.MAX_SAFE_INTEGER }), (offset) => offset ?? 0)
  })

const ages: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 }

const second = (text: string, fraction: string | undefined): Timestamp | undefined => {
  const at = Date.parse(text)
  return Number.isNaN(at)
    ? undefined
    : { seconds: at / 1000, nanos: Number((fraction ?? "").slice(0, 9).padEnd(9, "0")) }
}

/**
 * A moment from an ISO 8601 time, seconds since 1970, or an age such as `15m` (so long before `now`, in milliseconds);
 * `undefined` for anything else. A time without a zone is UTC.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseMoment = (text: string, now: number): Timestamp | undefined => {
  const age = /^(\d{1,6})([smhdw])$/.exec(text)
  if (age !== null) return fromMillis(now - Number(age[1]) * ages[age[2]!]! * 1000)
  const epoch = /^(\d{1,11})(?:\.(\d+))?$/.exec(text)
  if (epoch !== null) return second(new Date(Number(epoch[1]) * 1000).toISOString(), epoch[2])
  const iso = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?([Zz]|[+-]\d\d:?\d\d)?)?$/.exec(text)
  if (iso === null) return undefined
  const zone = (iso[5] ?? "Z").toUpperCase().replace(/^([+-]\d\d)(\d\d)$/, "$1:$2")
  return second(`${iso[1]!}T${iso[2] ?? "00:00"}:${iso[3] ?? "00"}${zone}`, iso[4])
}

/**
 * A time filter.
 *
 * @since 0.1.0
 * @category parsing
 */
export const moment = (query: URLSearchParams, name: string): Effect.Effect<Timestamp | undefined, Refusal> =>
  Effect.flatMap(single(query, name), (value) => {
    if (value === undefined || value === "") return Effect.succeed(undefined)
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      // a plus sign that was not encoded arrives as one, or as the space that a form would make of it
      const at = parseMoment(value.replace(/ (\d\d:?\d\d)$/, "+$1"), now)
      return at === undefined
        ? Effect.fail(badRequest(
          `${name} must be an ISO 8601 time, seconds since 1970, or an age such as 15m, 2h, 3d, 1w`
        ))
        : Effect.succeed(at)
    })
  })
