/** Paths and queries as the wire wants them: percent-encoded, `/` literal in a query, a space as `%20`. Protocol: 2.0. */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Ids from "../schemas/Ids.js"

/** an id is looked at before it becomes part of a path: what is no id could climb out of it */
export interface Segment {
  readonly value: string | number
  readonly isValid: boolean
  readonly what: string
}

const segment = <A extends string | number>(schema: Schema.Schema<A, A>, what: string) => {
  const is = Schema.is(schema)
  return (value: A): Segment => ({ value, isValid: is(value), what })
}

const text = (schema: Schema.Schema.Any): Schema.Schema<string> => schema as Schema.Schema<string>

export const image = segment(text(Ids.ImageId), "an image id")
export const operation = segment(text(Ids.OperationId), "an operation id")
export const sha256 = segment(text(Ids.Sha256), "a SHA-256 in lower case hex")
export const spid = segment(Schema.NonNegativeInt, "the number of a process")

/** the last part of a `Location` that says something, whatever the prefix and the slash at the end */
export const lastOf = (location: string): string | undefined =>
  location.replace(/[?#].*$/s, "").split("/").filter((part) => part !== "").at(-1)

export type QueryValue = string | number | boolean | ReadonlyArray<string> | undefined

export interface Target {
  /** an empty last part leaves a slash at the end */
  readonly path: ReadonlyArray<string | Segment>
  readonly query?: Readonly<Record<string, QueryValue>> | undefined
}

const encodeQuery = (value: string): string => encodeURIComponent(value).replaceAll("%2F", "/")

const pairs = ([key, value]: [string, QueryValue]): ReadonlyArray<string> => {
  if (value === undefined || value === false) return []
  if (value === true) return [`${key}=1`]
  return (Array.isArray(value) ? value : [String(value)]).map((one: string) => `${key}=${encodeQuery(one)}`)
}

/** the path and the query; or, on the left, what is wrong with them */
export const build = (
  { path, query }: Target
): Either.Either<{ readonly path: string; readonly query: string }, string> => {
  const bad = path.find((part): part is Segment => typeof part !== "string" && !part.isValid)
  if (bad !== undefined) return Either.left(`${JSON.stringify(bad.value)} is not ${bad.what}`)
  return Either.try({
    try: () => {
      const parts = path.map((part) => typeof part === "string" ? part : encodeURIComponent(part.value))
      const all = Object.entries(query ?? {}).flatMap(pairs)
      return { path: `/${parts.join("/")}`, query: all.length === 0 ? "" : `?${all.join("&")}` }
    },
    // encodeURIComponent throws for half a surrogate pair: no UTF-8 can say it
    catch: () => "a text in it is no well-formed Unicode"
  })
}
