/**
 * Moments as the wire writes them: RFC 3339 with up to nine digits of a second. `Date` and `DateTime` stop at
 * milliseconds, so the nanoseconds are kept beside the seconds. Protocol: sections 3.1, 3.8 and 4.2.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

/**
 * Whole seconds since 1970-01-01T00:00:00Z, and the nanoseconds (0 to 999,999,999) that follow them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Timestamp {
  readonly seconds: number
  readonly nanos: number
}

// The years 0000 to 9999: what four digits can write.
const minSeconds = -62_167_219_200
const maxSeconds = 253_402_300_799

const fromSelf = Schema.Struct({
  seconds: Schema.Int.pipe(Schema.between(minSeconds, maxSeconds)),
  nanos: Schema.Int.pipe(Schema.between(0, 999_999_999))
})

const pattern = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:?\d\d)?$/

const daysIn = (year: number, month: number): number => {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** What stands between two places as a fraction of a second with its point, or nothing at all. */
const nanosOf = (text: string, from: number, to: number): number | undefined => {
  if (from === to) return 0
  if (text.charCodeAt(from) !== 46 || to - from < 2) return undefined
  let nanos = 0
  for (let at = from + 1; at < Math.max(to, from + 10); at++) {
    const digit = at < to ? text.charCodeAt(at) - 48 : 0
    if (digit < 0 || digit > 9) return undefined
    if (at < from + 10) nanos = nanos * 10 + digit
  }
  return nanos
}

/** the second that was read last, in UTC: of a log thousands of events lie in one */
let last = { head: "", seconds: 0 }
const headLength = 19

/**
 * Nothing when it is none.
 *
 * @internal
 */
export const parse = (text: string): Timestamp | undefined => {
  const isUtc = text.endsWith("Z")
  if (isUtc && text.startsWith(last.head) && last.head !== "") {
    const nanos = nanosOf(text, headLength, text.length - 1)
    if (nanos !== undefined) return { seconds: last.seconds, nanos }
  }
  const whole = parseWhole(text)
  if (isUtc && whole !== undefined) last = { head: text.slice(0, headLength), seconds: whole.seconds }
  return whole
}

const parseWhole = (text: string): Timestamp | undefined => {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second, fraction = "", zone = "Z"] = match
  const offset = zone.toUpperCase() === "Z" ? "Z" : `${zone.slice(0, 3)}:${zone.slice(-2)}`
  // Date.parse reads 30 February as 1 March, and 24:00 as the next day.
  if (Number(day) > daysIn(Number(year), Number(month)) || Number(hour) > 23) return undefined
  // A leap second has no place of its own in epoch time: it is the second after.
  const leap = second === "60"
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${leap ? "59" : second}${offset}`)
  if (Number.isNaN(at)) return undefined
  const seconds = at / 1000 + (leap ? 1 : 0)
  return seconds < minSeconds || seconds > maxSeconds
    ? undefined
    : { seconds, nanos: Number(fraction.padEnd(9, "0")) }
}

/**
 * The text the wire carries: UTC, with as many digits of a second (0, 3, 6 or 9) as the value needs.
 *
 * @since 0.1.0
 * @category conversions
 */
export const format = (self: Timestamp): string => {
  const digits = String(self.nanos).padStart(9, "0").replace(/(?:000){1,3}$/, "")
  return `${new Date(self.seconds * 1000).toISOString().slice(0, 19)}${digits === "" ? "" : `.${digits}`}Z`
}

/**
 * A `Timestamp` from RFC 3339 text. A missing zone reads as UTC; digits after the ninth are cut.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Timestamp: Schema.Schema<Timestamp, string> = Schema.transformOrFail(
  Schema.String,
  fromSelf,
  {
    strict: true,
    decode: (text, _, ast) => {
      const value = parse(text)
      return value === undefined
        ? ParseResult.fail(new ParseResult.Type(ast, text, "expected an RFC 3339 timestamp"))
        : ParseResult.succeed(value)
    },
    encode: (value) => ParseResult.succeed(format(value))
  }
).annotations({ identifier: "Timestamp" })

/**
 * The same moment as a `DateTime`, cut to milliseconds.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toDateTime = (self: Timestamp): DateTime.Utc =>
  DateTime.unsafeMake(self.seconds * 1000 + Math.floor(self.nanos / 1_000_000))

/**
 * A `DateTime` as a moment of the wire, to the millisecond.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromDateTime = (self: DateTime.DateTime): Timestamp => {
  const millis = DateTime.toEpochMillis(self)
  const seconds = Math.floor(millis / 1000)
  return { seconds, nanos: Math.floor((millis - seconds * 1000) * 1_000_000) }
}
