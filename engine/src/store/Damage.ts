/**
 * Rows that hold what no engine writes: of a failing disk, or of somebody's hand. Each is told by its name, and costs
 * nothing but itself.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Row } from "./Database.js"
import { StoreError } from "./StoreError.js"

const advice = {
  image: "import it or make it again, or restore contree.db from a copy",
  tag: "give it to an image again",
  operation: "restore contree.db from a copy",
  file: "upload it again"
} as const

/**
 * @since 0.1.0
 * @category models
 */
export interface Damage {
  readonly what: keyof typeof advice
  /** the id of the row, or `#` and its number where that is damaged too */
  readonly name: string
  readonly why: string
}

/**
 * What is to be said of it: the row, what is wrong with it, and what to do.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toError = ({ name, what, why }: Damage): StoreError =>
  new StoreError({ reason: "Damaged", description: `the ${what} ${name} is damaged: ${why}; ${advice[what]}` })

const isName = (value: unknown): value is string => typeof value === "string" && /^[\w.:/-]{1,256}$/.test(value)

/** Of a table that has the columns `id` and `seq`. */
const nameOf = (row: Row): string => isName(row["id"]) ? row["id"] : `#${String(row["seq"])}`

/**
 * Reads rows by `decode`, which fails as `Columns` does and asks the database nothing.
 *
 * @since 0.1.0
 * @category constructors
 */
export const reader = <A>(what: Damage["what"], decode: (row: Row) => A) => (row: Row): Either.Either<A, Damage> => {
  try {
    return Either.right(decode(row))
  } catch (cause) {
    if (!(cause instanceof StoreError) || cause.reason !== "Damaged") throw cause
    return Either.left({ what, name: nameOf(row), why: cause.description })
  }
}

/**
 * For a transaction: throws where the row is damaged.
 *
 * @since 0.1.0
 * @category conversions
 */
export const orThrow: <A>(read: Either.Either<A, Damage>) => A = Either.getOrThrowWith(toError)

/**
 * @since 0.1.0
 * @category models
 */
export interface Page<A> {
  readonly rows: ReadonlyArray<A>
  readonly damaged: ReadonlyArray<Damage>
}

/**
 * A page of the rows that can be read. It is full as long as there are any: one that comes short ends the list for who
 * reads on. So what follows a damaged row may come once more on the next page, as after a row that was just made.
 *
 * @since 0.1.0
 * @category reading
 */
export const page = <A>(
  wanted: { readonly limit: number; readonly offset: number },
  fetch: (limit: number, offset: number) => ReadonlyArray<Row>,
  read: (row: Row) => Either.Either<A, Damage>
): Page<A> => {
  const rows: Array<A> = []
  const damaged: Array<Damage> = []
  let offset = wanted.offset
  while (rows.length < wanted.limit) {
    const limit = wanted.limit - rows.length
    const found = fetch(limit, offset)
    for (const row of found) {
      Either.match(read(row), { onLeft: (damage) => damaged.push(damage), onRight: (value) => rows.push(value) })
    }
    if (found.length < limit) break
    offset += found.length
  }
  return { rows, damaged }
}

/**
 * The rows of pages; of what they leave out each is told once, however often it is asked for.
 *
 * @since 0.1.0
 * @category reading
 */
export const telling = (): <A>(page: Page<A>) => Effect.Effect<ReadonlyArray<A>> => {
  const told = new Set<string>()
  return ({ damaged, rows }) =>
    Effect.suspend(() => {
      const texts = new Set(damaged.map((damage) => toError(damage).description))
      const fresh = [...texts].filter((text) => !told.has(text))
      fresh.forEach((text) => told.add(text))
      return Effect.forEach(fresh, (text) => Effect.logWarning(`left out of the list: ${text}`), { discard: true })
    }).pipe(Effect.as(rows))
}
