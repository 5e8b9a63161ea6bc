import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { linesOf, parseLine } from "../../src/run/EventLines.js"

const line = (id: number, value: string): string =>
  JSON.stringify({ id, ts: "2026-01-01T00:00:00.000000001Z", type: "stdout", spid: 1, data: { value } })

describe("EventLines", () => {
  it.prop(
    "gives the same lines however the bytes are cut",
    [fc.array(fc.string({ unit: "grapheme" }), { maxLength: 8 }), fc.array(fc.nat(400), { maxLength: 12 })],
    ([values, cuts]) => {
      const lines = values.map((value, id) => line(id, value))
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(""))
      const cutter = linesOf()
      const found = []
      let at = 0
      for (const size of [...cuts, bytes.length]) {
        found.push(...cutter(bytes.subarray(at, at + size)))
        at += size
      }
      expect(found.map(({ id, json }) => [id, json])).toEqual(lines.map((text, id) => [id, text]))
    }
  )

  it("reads the header without the payload, and nothing that no writer of ours wrote", () => {
    expect(parseLine(line(7, "a\"b"))).toMatchObject({ id: 7, type: "stdout", spid: 1 })
    for (const text of ["", "{}", "{\"type\":\"x\",\"id\":1}", "{\"id\":-1,\"ts\":\"\",\"type\":\"x\",\"spid\":0,"]) {
      expect(parseLine(text)).toBeUndefined()
    }
  })
})
