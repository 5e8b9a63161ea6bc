import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, FastCheck, Schema } from "effect"
import * as ExitStatus from "../../src/schemas/ExitStatus.js"

describe("ExitStatus.fromWire", () => {
  it.each<[ExitStatus.WireExit, ExitStatus.ExitStatus]>([
    [{ code: 0, signal: -1, timedOut: false }, { _tag: "Exited", code: 0 }],
    [{ code: 255 }, { _tag: "Exited", code: 255 }],
    [{ code: 3, signal: 0 }, { _tag: "Exited", code: 3 }],
    [{ code: -1, signal: 9, timedOut: false }, { _tag: "Signaled", signal: 9 }],
    [{ code: -1, signal: 9, timedOut: true }, { _tag: "TimedOut" }],
    [{ code: 0, timedOut: true }, { _tag: "TimedOut" }],
    [{ code: -1, signal: -1, timedOut: false }, { _tag: "Unknown" }],
    [{ code: -1, signal: 0 }, { _tag: "Unknown" }],
    [{ code: null, signal: null, timedOut: null }, { _tag: "Unknown" }],
    [{}, { _tag: "Unknown" }],
    [{ code: NaN }, { _tag: "Unknown" }],
    [{ code: 0.5 }, { _tag: "Unknown" }],
    [{ code: Infinity }, { _tag: "Unknown" }]
  ])("%j", (wire, expected) => {
    expect(ExitStatus.fromWire(wire)).toEqual(expected)
  })

  it("never invents a number: each it gives was reported", () => {
    const maybe = <A>(arbitrary: FastCheck.Arbitrary<A>) => FastCheck.option(arbitrary, { nil: undefined })
    const number = FastCheck.oneof(FastCheck.integer({ min: -2, max: 256 }), FastCheck.constantFrom(null, NaN, 0.5, -1))
    FastCheck.assert(
      FastCheck.property(
        FastCheck.record({ code: maybe(number), signal: maybe(number), timedOut: maybe(FastCheck.boolean()) }),
        (wire) => {
          const exit = ExitStatus.fromWire(wire)
          expect(Schema.is(ExitStatus.ExitStatus)(exit)).toBe(true)
          const code = ExitStatus.toExitCode(exit)
          if (exit._tag === "Exited") expect([exit.code, code]).toEqual([wire.code, wire.code])
          else if (exit._tag === "Signaled") expect([exit.signal, code]).toEqual([wire.signal, 128 + wire.signal!])
          else expect(code).toBeUndefined()
          if (wire.timedOut === true) expect(exit._tag).toBe("TimedOut")
        }
      ),
      { numRuns: 500 }
    )
  })
})

describe("ExitStatus", () => {
  it("comes back from JSON", () => {
    FastCheck.assert(FastCheck.property(Arbitrary.make(ExitStatus.ExitStatus), (exit) => {
      const json = JSON.parse(JSON.stringify(Schema.encodeSync(ExitStatus.ExitStatus)(exit)))
      expect(Schema.decodeUnknownSync(ExitStatus.ExitStatus)(json)).toEqual(exit)
    }))
  })

  it("is said in words", () => {
    expect(ExitStatus.format({ _tag: "Exited", code: 3 })).toBe("exited with code 3")
    expect(ExitStatus.format({ _tag: "Signaled", signal: 9 })).toBe("was killed by signal 9")
    expect(ExitStatus.format({ _tag: "TimedOut" })).toMatch(/time/)
    expect(ExitStatus.format({ _tag: "Unknown" })).toMatch(/did not report/)
  })
})
