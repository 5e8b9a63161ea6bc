/**
 * Conditions that are there only when they are asked for.
 *
 * @since 0.1.0
 */
import type { Timestamp } from "effect-contree/Timestamp"
import { micros } from "./Columns.js"
import type { Value } from "./Database.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Filter {
  /** `WHERE ...`, or nothing */
  readonly sql: string
  readonly values: ReadonlyArray<Value>
}

/**
 * Joins the conditions whose value is given. Each has one `?`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const where = (conditions: ReadonlyArray<readonly [sql: string, value: Value | undefined]>): Filter => {
  const given = conditions.filter((condition) => condition[1] !== undefined)
  return {
    sql: given.length === 0 ? "" : `WHERE ${given.map(([sql]) => sql).join(" AND ")}`,
    values: given.flatMap(([, value]) => value === undefined ? [] : [value])
  }
}

/**
 * The two ends of a span of time, both included.
 *
 * @since 0.1.0
 * @category constructors
 */
export const span = (
  column: string,
  query: { readonly since?: Timestamp | undefined; readonly until?: Timestamp | undefined }
): ReadonlyArray<readonly [string, number | undefined]> => [
  [`${column} >= ?`, query.since && micros(query.since)],
  [`${column} <= ?`, query.until && micros(query.until)]
]
