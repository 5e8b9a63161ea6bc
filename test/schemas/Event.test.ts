import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck, Schema } from "effect"
import * as Event from "../../src/schemas/Event.js"

const types = Object.keys(Event.payloads) as ReadonlyArray<Event.Type>
const schemaOf = (type: Event.Type): Schema.Schema.AnyNoContext => Event.payloads[type]
const decode = Schema.decodeUnknownEither(Event.OperationEvent)
const envelope = (type: string, data: object = {}, more: object = {}): Event.OperationEvent =>
  Either.getOrThrow(decode({ id: 1, ts: "2026-01-01T00:00:00.123456789Z", type, data, ...more }))
const plus = (value: unknown): unknown => JSON.parse(JSON.stringify(value), (_, part: unknown) => part === 0 ? 0 : part)

describe("the envelope", () => {
  it("comes back over the wire", () => {
    FastCheck.assert(
      FastCheck.property(Arbitrary.make(Event.OperationEvent), FastCheck.jsonValue({ maxDepth: 1 }), (value, any) => {
        const event = { ...value, data: { any } }
        const wire = JSON.parse(JSON.stringify(Schema.encodeSync(Event.OperationEvent)(event)))
        expect(plus(Either.getOrThrow(decode({ ...wire, more: 1 })))).toEqual(plus(event))
      })
    )
  })

  it("keeps nanoseconds, and a missing, a null and a zero spid apart", () => {
    expect(envelope("x").ts.nanos).toBe(123_456_789)
    expect(envelope("x")).not.toHaveProperty("spid")
    expect(envelope("x", {}, { spid: null }).spid).toBeNull()
    expect(envelope("x", {}, { spid: 0 }).spid).toBe(0)
  })

  it.each([
    { id: -1 },
    { id: 1.5 },
    { id: "1" },
    { id: null },
    { ts: null },
    { ts: 1 },
    { type: null },
    { data: null },
    { data: "text" },
    { data: [1] },
    { spid: -1 }
  ])("refuses %j", (bad) => {
    const good = { id: 1, ts: "2026-01-01T00:00:00Z", type: "x", data: {} }
    expect(Either.isRight(decode(good))).toBe(true)
    expect(Either.isLeft(decode({ ...good, ...bad }))).toBe(true)
  })
})

describe("Event.fromEnvelope", () => {
  it("knows the types of the protocol", () => {
    expect([...types].sort()).toEqual([
      "completion",
      "exit",
      "init",
      "network",
      "shutdown",
      "size_cap",
      "spawn",
      "stderr",
      "stdin",
      "stdout",
      "truncated"
    ])
  })

  it.each(types)("reads every payload of %s, with more in it than is known", (type) => {
    const schema = schemaOf(type)
    FastCheck.assert(
      FastCheck.property(Arbitrary.make(schema), (payload) => {
        // A map of JavaScript's has no place for this one key: the decoder drops it, and nothing else.
        FastCheck.pre(!JSON.stringify(payload).includes("__proto__"))
        const data = JSON.parse(JSON.stringify(Schema.encodeSync(schema)(payload)))
        const came = envelope(type, { ...data, not_known_yet: [1] })
        const event = Event.fromEnvelope(came)
        expect(event._tag).toBe(type)
        expect(plus(event.data)).toEqual(plus(payload))
        expect(event.envelope).toBe(came)
      }),
      { numRuns: 25 }
    )
  })

  it.each(types)("a payload of %s that lacks something, or has it wrong, is Unknown and whole", (type) => {
    const schema = schemaOf(type)
    FastCheck.assert(
      FastCheck.property(Arbitrary.make(schema), FastCheck.nat(), (payload, n) => {
        const data: Record<string, unknown> = JSON.parse(JSON.stringify(Schema.encodeSync(schema)(payload)))
        const keys = Object.keys(data)
        const key = keys[n % keys.length]!
        const wrong = { ...data, [key]: Symbol.for("no JSON value") }
        const event = Event.fromEnvelope({ ...envelope(type), data: wrong })
        expect(event._tag).toBe("Unknown")
        expect(event.data).toEqual(wrong)
      }),
      { numRuns: 25 }
    )
    expect(Event.fromEnvelope(envelope(type, {}))._tag).toBe("Unknown")
  })

  it("never fails on a type or payload it does not know", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.oneof(
          FastCheck.constantFrom(...types, "constructor", "__proto__", "toString", "hasOwnProperty", ""),
          FastCheck.string()
        ),
        FastCheck.dictionary(FastCheck.string(), FastCheck.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }),
        (type, data) => {
          const event = Event.fromEnvelope({ ...envelope("x"), type, data })
          if (event._tag === "Unknown") expect(event.data).toBe(data)
          else expect(event._tag).toBe(type)
          expect(event.envelope.type).toBe(type)
        }
      ),
      { numRuns: 300 }
    )
  })

  it("a completion ends a run also where nobody measured it, or its status is new", () => {
    for (const data of [{ status: "SUCCESS" }, { status: "THAWED", duration_ms: null, error: null }]) {
      expect(Event.fromEnvelope(envelope("completion", data))).toMatchObject({ _tag: "completion", data })
    }
    expect(Event.fromEnvelope(envelope("completion", { status: "SUCCESS", result_image_uuid: "../x" }))._tag).toBe(
      "Unknown"
    )
  })
})
