/**
 * Lists that come in pages.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Errors from "../schemas/Errors.js"
import type * as ContreeApi from "./ContreeApi.js"
import type { When } from "./Images.js"

/** the most that a server gives at once */
const pageSize = 1000

const refuse = (method: string, argument: string, description: string): Errors.InvalidArgumentError =>
  new Errors.InvalidArgumentError({ method, argument, description })

/** RFC 3339; a length of time is so long before `now` */
const moment = (
  method: string,
  argument: string,
  when: When,
  now: DateTime.Utc
): Effect.Effect<string, Errors.InvalidArgumentError> => {
  const at = when instanceof Date
    ? DateTime.make(when)
    : DateTime.isDateTime(when)
    ? Option.some(when)
    : Option.flatMap(
      Duration.decodeUnknown(when),
      (ago) => Duration.isFinite(ago) ? Option.some(DateTime.subtractDuration(now, ago)) : Option.none()
    )
  return Option.match(at, {
    onNone: () => Effect.fail(refuse(method, argument, "expected a DateTime, a Date or a duration such as \"2 days\"")),
    onSome: (time) => Effect.succeed(DateTime.formatIso(time))
  })
}

/**
 * Both ends of a list are fixed when it begins. What is made in the minute after that still comes first and shifts the
 * pages, see `pages`.
 *
 * @internal
 */
export const period = (
  method: string,
  filter: { readonly since?: When | undefined; readonly until?: When | undefined } | undefined
): Effect.Effect<Pick<ContreeApi.Page, "since" | "until">, Errors.InvalidArgumentError> =>
  Effect.gen(function*() {
    const now = yield* DateTime.now
    const since = filter?.since === undefined ? undefined : yield* moment(method, "since", filter.since, now)
    // The server's clock may be ahead of ours by a little: what was made just now must not fall out of the list.
    const until = filter?.until === undefined
      ? DateTime.formatIso(DateTime.add(now, { minutes: 1 }))
      : yield* moment(method, "until", filter.until, now)
    return { ...(since === undefined ? {} : { since }), until }
  })

/**
 * How many are wanted: 100 unless told otherwise.
 *
 * @internal
 */
export const count = (
  method: string,
  number: number | "all" | undefined
): Effect.Effect<number, Errors.InvalidArgumentError> => {
  const wanted = number === "all" ? Infinity : number ?? 100
  return wanted === Infinity || (Number.isInteger(wanted) && wanted >= 0)
    ? Effect.succeed(wanted)
    : Effect.fail(refuse(method, "number", `expected a whole number from 0, or "all", got ${number}`))
}

interface Row {
  readonly uuid: string
  readonly tag?: string | null
}

/** an image has a row for each of its tags */
const keyOf = ({ tag, uuid }: Row): string => `${uuid} ${tag ?? ""}`

interface Position {
  readonly offset: number
  readonly given: number
  /** the rows of the page before */
  readonly seen: ReadonlySet<string>
}

/**
 * Page after page as they are read, until one comes short or `number` is reached. Lists begin with the newest, so what is
 * made between two pages pushes rows of the one into the next: those are left out. Rows that go away meanwhile pull
 * others over the edge, unseen: offsets cannot say which.
 *
 * @internal
 */
export const pages = <A extends Row, E>(
  number: number,
  fetch: (page: { readonly limit: number; readonly offset: number }) => Effect.Effect<ReadonlyArray<A>, E>
): Stream.Stream<A, E> => {
  const start: Position = { offset: 0, given: 0, seen: new Set() }
  return number === 0 ? Stream.empty : Stream.paginateChunkEffect(start, ({ given, offset, seen }) => {
    // Once rows came twice, whole pages: the few that are wanting could all be such rows again.
    const limit = offset === given ? Math.min(pageSize, number - given) : pageSize
    return Effect.map(fetch({ limit, offset }), (items) => {
      const keys = items.map(keyOf)
      const fresh = items.filter((_, i) => !seen.has(keys[i]!)).slice(0, number - given)
      const next: Position = {
        offset: offset + items.length,
        given: given + fresh.length,
        seen: new Set(limit < pageSize ? [...seen, ...keys] : keys)
      }
      // A whole page of old rows: a server that knows no offsets would go on for ever.
      const isStuck = fresh.length === 0 && limit === pageSize
      const isLast = items.length < limit || next.given >= number || isStuck
      return [Chunk.unsafeFromArray(fresh), isLast ? Option.none() : Option.some(next)] as const
    })
  })
}
