import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { decode, encode } from "../../src/schemas/Base64.js"

describe("Base64", () => {
  it.prop("writes what Node writes, and reads it back", [FastCheck.uint8Array({ maxLength: 200 })], ([bytes]) => {
    const text = encode(bytes)
    expect(text).toBe(Buffer.from(bytes).toString("base64"))
    expect(decode(text)).toEqual(bytes)
  })

  it.prop("reads all that is base64, and nothing else", [FastCheck.string({ maxLength: 12 })], ([text]) => {
    const valid = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
    expect(decode(text) === undefined).toBe(!valid)
  })

  it.each(["A", "AA", "AAA", "A===", "====", "AA=A", "A=AA", "AAAA====", "AA==AAAA", "AA\n=", "AA-_", "ÄAA=", "AAA€"])(
    "refuses %j",
    (text) => expect(decode(text)).toBeUndefined()
  )
})
