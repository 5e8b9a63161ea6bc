import { expect, it } from "@effect/vitest"
import { Either, FastCheck as fc, Schema } from "effect"
import * as Event from "effect-contree/Event"
import { decode } from "../../src/internal/EventEnvelope.js"

const bySchema = Schema.decodeUnknownEither(Event.OperationEvent)

/** mostly right, and each part wrong now and then */
const events = fc.record({
  id: fc.oneof(fc.nat(), fc.constantFrom(-1, 1.5, 2 ** 53, "1", null)),
  ts: fc.constantFrom("2026-09-18T08:01:19Z", "2026-09-18 08:01:19.123456789+02:00", "2026-02-30T00:00:00Z", "", 5),
  type: fc.oneof(fc.constantFrom("stdout", "completion"), fc.string(), fc.constantFrom(null, 1)),
  data: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(null, [], "x", undefined)),
  spid: fc.oneof(fc.nat(), fc.constantFrom(null, -1, "1", 0.5)),
  more: fc.jsonValue()
}, { requiredKeys: [] })

it.prop(
  "reads an event as the schema does",
  [fc.oneof({ weight: 9, arbitrary: events }, fc.jsonValue())],
  ([value]) => {
    const json: unknown = JSON.parse(JSON.stringify(value))
    const [quick, slow] = [decode(json), bySchema(json)]
    expect(Either.isRight(quick)).toBe(Either.isRight(slow))
    if (Either.isRight(quick) && Either.isRight(slow)) expect(quick.right).toEqual(slow.right)
    if (Either.isLeft(quick) && Either.isLeft(slow)) expect(String(quick.left)).toBe(String(slow.left))
  },
  { fastCheck: { numRuns: 2000 } }
)
