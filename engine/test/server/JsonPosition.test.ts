import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as JsonPosition from "../../src/server/JsonPosition.js"

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe("JsonPosition", () => {
  it.prop("finds nothing in JSON, whatever the spaces", [fc.jsonValue(), fc.nat(3)], ([value, indent]) => {
    expect(JsonPosition.find(JSON.stringify(value, null, indent))).toBeUndefined()
  })

  it.prop(
    "agrees with JSON.parse on damaged JSON",
    [fc.json(), fc.nat(60), fc.string({ maxLength: 2 })],
    ([json, at, text]) => {
      const damaged = json.slice(0, at) + text + json.slice(at + 1)
      expect(JsonPosition.find(damaged) === undefined).toBe(isJson(damaged))
    }
  )

  it("says where", () => {
    const cases: ReadonlyArray<readonly [text: string, at: number]> = [
      ["", 0],
      ["{", 1],
      ["{\"a\" 1}", 5],
      ["{\"a\":1,}", 7],
      ["[1,]", 3],
      ["[1 2]", 3],
      ["{a:1}", 1],
      ["nul", 0],
      ["{} x", 3],
      ["[\"\t\"]", 1],
      ["]", 0],
      ["{]", 1]
    ]
    for (const [text, at] of cases) expect(JsonPosition.find(text), text).toBe(at)
  })
})
