import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Query from "../../src/server/Query.js"

const refused = <A>(text: string, read: (query: URLSearchParams) => Effect.Effect<A, { readonly error: string }>) =>
  Query.parse(text).pipe(Effect.flatMap(read), Effect.flip, Effect.map((refusal) => refusal.error))

describe("Query", () => {
  it.effect("reads pages within their bounds", () =>
    Effect.gen(function*() {
      expect(yield* Effect.flatMap(Query.parse(""), Query.page)).toEqual({ limit: 100, offset: 0 })
      expect(yield* Effect.flatMap(Query.parse("limit=1000&offset=7"), Query.page)).toEqual({ limit: 1000, offset: 7 })
      for (const limit of ["0", "1001", "-1", "x", "", "1.5", "1e2", "0x10", " 1", "9999999999999999999"]) {
        expect(yield* refused(`limit=${limit}`, Query.page), limit).toBe("limit must be between 1 and 1000")
      }
      expect(yield* refused("offset=-1", Query.page)).toBe("offset must be an integer of at least 0")
      expect(yield* refused("limit=1&limit=2", Query.page)).toBe("limit is given more than once")
    }))

  it.effect("reads flags", () =>
    Effect.gen(function*() {
      const flag = (text: string) => Effect.flatMap(Query.parse(text), (query) => Query.flag(query, "f"))
      for (const text of ["f", "f=", "f=1", "f=true", "f=TRUE"]) expect(yield* flag(text), text).toBe(true)
      for (const text of ["", "f=0", "f=false", "g=1"]) expect(yield* flag(text), text).toBe(false)
      expect(yield* Effect.map(Effect.flip(flag("f=2")), (refusal) => refusal.status)).toBe(400)
    }))

  it.effect("leaves a plus sign as it is and refuses broken escapes", () =>
    Effect.gen(function*() {
      expect((yield* Query.parse("path=/a+b%20c%2Fd")).get("path")).toBe("/a+b c/d")
      expect((yield* Effect.flip(Query.parse("path=%zz"))).status).toBe(400)
      expect((yield* Effect.flip(Query.parse("path=%ff"))).status).toBe(400)
    }))

  it("reads moments in all three forms, to the nanosecond", () => {
    const now = Date.parse("2026-03-01T00:00:00.250Z")
    const at = (text: string) => Query.parseMoment(text, now)
    const seconds = Date.parse("2026-02-03T04:05:06Z") / 1000
    expect(at("2026-02-03T04:05:06Z")).toEqual({ seconds, nanos: 0 })
    expect(at("2026-02-03T04:05:06.123456789+00:00")).toEqual({ seconds, nanos: 123_456_789 })
    expect(at("2026-02-03T06:05:06.1+0200")).toEqual({ seconds, nanos: 100_000_000 })
    expect(at("2026-02-03 04:05")).toEqual({ seconds: seconds - 6, nanos: 0 })
    expect(at("2026-02-03")).toEqual({ seconds: Date.parse("2026-02-03T00:00:00Z") / 1000, nanos: 0 })
    expect(at(String(seconds))).toEqual({ seconds, nanos: 0 })
    expect(at(`${seconds}.5`)).toEqual({ seconds, nanos: 500_000_000 })
    expect(at("15m")).toEqual({ seconds: Math.floor(now / 1000) - 900, nanos: 250_000_000 })
    expect(at("1w")?.seconds).toBe(Math.floor(now / 1000) - 604_800)
    for (const text of ["", "yesterday", "15x", "2026-13-01", "2026-02-03T25:00", "-5", "15 m", "NaN", "1e9"]) {
      expect(at(text), text).toBeUndefined()
    }
  })
})
