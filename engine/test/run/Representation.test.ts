import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as StreamRepr from "effect-contree/StreamRepr"
import * as Representation from "../../src/run/Representation.js"

const text = fc.array(fc.integer({ min: 9, max: 0x7f }), { maxLength: 40 }).map((bytes) => Uint8Array.from(bytes))

describe("Representation", () => {
  it.prop("is that of the SDK, and comes back", [fc.oneof(fc.uint8Array({ maxLength: 40 }), text)], ([bytes]) => {
    const represented = Representation.fromBytes(bytes)
    expect(represented).toEqual(StreamRepr.fromBytes(bytes))
    expect(new Uint8Array(Representation.toBytes(represented))).toEqual(new Uint8Array(bytes))
  })
})
