import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, DateTime, Either, FastCheck, Schema } from "effect"
import * as Timestamp from "../../src/schemas/Timestamp.js"
import { anyText } from "./anyText.js"

const decode = Schema.decodeUnknownEither(Timestamp.Timestamp)
const read = (text: string): Timestamp.Timestamp => Either.getOrThrow(decode(text))
const noon = Date.UTC(2024, 0, 1, 12) / 1000

describe("Timestamp", () => {
  it.each([
    ["2024-01-01T12:00:00Z", noon, 0],
    ["2024-01-01t12:00:00z", noon, 0],
    ["2024-01-01 12:00:00", noon, 0],
    ["2024-01-01T12:00:00+00:00", noon, 0],
    ["2024-01-01T14:30:00.5+02:30", noon, 500_000_000],
    ["2024-01-01T04:00:00-0800", noon, 0],
    ["2024-01-01T12:00:00.123456Z", noon, 123_456_000],
    ["2024-01-01T12:00:00.123456789Z", noon, 123_456_789],
    ["2024-01-01T12:00:00.000000001Z", noon, 1],
    ["2024-01-01T12:00:00.1234567899999Z", noon, 123_456_789],
    ["2023-12-31T23:59:60Z", Date.UTC(2024, 0, 1) / 1000, 0],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29) / 1000, 0],
    ["1969-12-31T23:59:59.25Z", -1, 250_000_000],
    ["0000-01-01T00:00:00Z", -62_167_219_200, 0],
    ["9999-12-31T23:59:59.999999999Z", 253_402_300_799, 999_999_999]
  ])("%s", (text, seconds, nanos) => {
    expect(read(text)).toEqual({ seconds, nanos })
  })

  it.each([
    "",
    "now",
    "2024-01-01",
    "2024-01-01T12:00",
    "2024-13-01T00:00:00Z",
    "2024-00-01T00:00:00Z",
    "2024-01-00T00:00:00Z",
    "2024-01-32T00:00:00Z",
    "2023-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2024-04-31T00:00:00Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T12:60:00Z",
    "2024-01-01T12:00:61Z",
    "2024-01-01T12:00:00.Z",
    "2024-01-01T12:00:00,5Z",
    "2024-01-01T12:00:00+25:00",
    "2024-01-01T12:00:00Z\n",
    "0000-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "10000-01-01T00:00:00Z",
    1_700_000_000,
    null
  ])("refuses %j", (text) => {
    expect(Either.isLeft(decode(text))).toBe(true)
  })

  it("comes back to the nanosecond", () => {
    FastCheck.assert(
      FastCheck.property(Arbitrary.make(Timestamp.Timestamp), (value) => {
        const text = Schema.encodeSync(Timestamp.Timestamp)(value)
        expect(read(text)).toEqual(value)
        expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6}|\.\d{9})?Z$/)
      }),
      { numRuns: 500 }
    )
  })

  it("reads the same whatever was read before it", () => {
    const head = FastCheck.constantFrom("2026-01-31T23:59:60", "2026-02-28T12:00:00", "0000-01-01T00:00:00")
    const tail = FastCheck.oneof(
      FastCheck.stringMatching(/^(\.\d{0,12})?(Z|z|[+-]\d\d:\d\d)?$/),
      FastCheck.string({ maxLength: 12 }).map((text) => `${text}Z`),
      FastCheck.string({ maxLength: 4 }).map((text) => `.1${text}Z`)
    )
    FastCheck.assert(
      FastCheck.property(head, tail, (head, tail) => {
        Timestamp.parse("1999-12-31T00:00:00Z")
        const alone = Timestamp.parse(head + tail)
        Timestamp.parse(`${head}Z`)
        expect(Timestamp.parse(head + tail)).toEqual(alone)
      }),
      { numRuns: 2000 }
    )
  })

  it("an offset names the same moment", () => {
    const offset = FastCheck.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 })
    FastCheck.assert(FastCheck.property(FastCheck.integer({ min: 0, max: 4e9 }), offset, (seconds, minutes) => {
      const local = Timestamp.format({ seconds: seconds + minutes * 60, nanos: 7 }).slice(0, -1)
      const [hour, minute] = [Math.abs(minutes) / 60, Math.abs(minutes) % 60].map((n) =>
        String(Math.floor(n)).padStart(2, "0")
      )
      expect(read(`${local}${minutes < 0 ? "-" : "+"}${hour}:${minute}`)).toEqual({ seconds, nanos: 7 })
    }))
  })

  it("never throws on any text", () => {
    FastCheck.assert(FastCheck.property(anyText, (text) => {
      expect(Either.isLeft(decode(text))).toBe(true)
    }))
  })

  it("cannot be written outside of its range", () => {
    for (
      const bad of [{ seconds: 253_402_300_800, nanos: 0 }, { seconds: 0, nanos: 1e9 }, { seconds: 0.5, nanos: 0 }]
    ) {
      expect(Either.isLeft(Schema.encodeEither(Timestamp.Timestamp)(bad))).toBe(true)
    }
  })

  it("is a DateTime to the millisecond, before 1970 too", () => {
    FastCheck.assert(FastCheck.property(FastCheck.integer({ min: -6e13, max: 2e14 }), (millis) => {
      const value = Timestamp.fromDateTime(DateTime.unsafeMake(millis))
      expect(value.nanos).toBeGreaterThanOrEqual(0)
      expect(DateTime.toEpochMillis(Timestamp.toDateTime(value))).toBe(millis)
      expect(DateTime.toEpochMillis(Timestamp.toDateTime({ ...value, nanos: value.nanos + 999_999 }))).toBe(millis)
    }))
  })
})
