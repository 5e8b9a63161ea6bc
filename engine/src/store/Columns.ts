/**
 * Columns of the database as values of the program, and back.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Timestamp } from "effect-contree/Timestamp"
import type { Row } from "./Database.js"
import { StoreError } from "./StoreError.js"

const wrong = (column: string): never => {
  throw new StoreError({ reason: "Damaged", description: `its column ${column} holds what no engine writes` })
}

/**
 * @since 0.1.0
 * @category columns
 */
export const textOrNull = (row: Row, column: string): string | null => {
  const value = row[column] ?? null
  return value === null || typeof value === "string" ? value : wrong(column)
}

/**
 * @since 0.1.0
 * @category columns
 */
export const text = (row: Row, column: string): string => textOrNull(row, column) ?? wrong(column)

/**
 * @since 0.1.0
 * @category columns
 */
export const numberOrNull = (row: Row, column: string): number | null => {
  const value = row[column] ?? null
  return value === null || typeof value === "number" ? value : wrong(column)
}

/**
 * @since 0.1.0
 * @category columns
 */
export const number = (row: Row, column: string): number => numberOrNull(row, column) ?? wrong(column)

/**
 * What a text stands for; a `parse` that throws or gives undefined is a column that is damaged.
 *
 * @since 0.1.0
 * @category columns
 */
export const parsed = <A>(row: Row, column: string, parse: (text: string) => A | undefined): A => {
  const value = text(row, column)
  try {
    return parse(value) ?? wrong(column)
  } catch {
    return wrong(column)
  }
}

/**
 * @since 0.1.0
 * @category columns
 */
export const parsedOrNull = <A>(row: Row, column: string, parse: (text: string) => A | undefined): A | null =>
  textOrNull(row, column) === null ? null : parsed(row, column, parse)

/**
 * Microseconds since 1970: they stay exact in a double for 285 years.
 *
 * @since 0.1.0
 * @category times
 */
export const timestamp = (row: Row, column: string): Timestamp => {
  const micros = number(row, column)
  const seconds = Math.floor(micros / 1_000_000)
  return { seconds, nanos: (micros - seconds * 1_000_000) * 1000 }
}

/**
 * @since 0.1.0
 * @category times
 */
export const micros = (time: Timestamp): number => time.seconds * 1_000_000 + Math.floor(time.nanos / 1000)

/**
 * Now, in microseconds since 1970.
 *
 * @since 0.1.0
 * @category times
 */
export const now: Effect.Effect<number> = Effect.map(
  Clock.currentTimeNanos,
  (nanos) => Number(nanos / 1000n)
)
