/**
 * Times of the double: its clock is the program's, and what it lists can be asked for by time.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Errors from "../../schemas/Errors.js"
import * as Timestamp from "../../schemas/Timestamp.js"
import type { Page, Service } from "../../services/ContreeApi.js"
import { badRequest } from "./Answers.js"

/** @internal */
export const fromMillis = (millis: number): Timestamp.Timestamp => Timestamp.fromDateTime(DateTime.unsafeMake(millis))

/**
 * As events carry it.
 *
 * @internal
 */
export const text = (millis: number): string => Timestamp.format(fromMillis(millis))

const ages: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 }

const parse = (text: string, now: number): number => {
  const age = /^(\d{1,6})([smhdw])$/.exec(text)
  if (age !== null) return now - Number(age[1]) * (ages[age[2] ?? ""] ?? 0) * 1000
  return /^\d{1,11}(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text)
}

/**
 * Of rows with the oldest first, the page that was asked for, newest first.
 *
 * @internal
 */
export const page = <A>(
  method: keyof Service,
  rows: ReadonlyArray<A>,
  query: Page | undefined,
  createdAt: (row: A) => number
): Effect.Effect<ReadonlyArray<A>, Errors.BadRequestError> =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const limit = query?.limit ?? 100
    const offset = query?.offset ?? 0
    const since = query?.since === undefined ? -Infinity : parse(query.since, now)
    const until = query?.until === undefined ? Infinity : parse(query.until, now)
    if (!(limit >= 1 && limit <= 1000)) return yield* badRequest(method, "limit must be between 1 and 1000")
    if (!(offset >= 0)) return yield* badRequest(method, "offset must be an integer of at least 0")
    if (Number.isNaN(since)) return yield* badRequest(method, "since is no time")
    if (Number.isNaN(until)) return yield* badRequest(method, "until is no time")
    return rows
      .filter((row) => createdAt(row) >= since && createdAt(row) <= until)
      .reverse()
      .slice(offset, offset + limit)
  })
