import { describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { expect } from "vitest"
import * as Ini from "../../src/internal/Ini.js"

describe("Ini", () => {
  it("reads what it is told to", () => {
    const ini = Ini.parse(
      "\ufeffbefore = lost\r\n[ A ]\r\nKey = v = w\nother:x:y\n  goes on\n\n  alone = 1\n#c\n ;c\nempty=\nbare\n[A]\nKEY=last\n[B]"
    )
    expect(Object.fromEntries([...ini].map(([name, values]) => [name, { ...values }]))).toEqual({
      A: { key: "last", other: "x:y\ngoes on", alone: "1", empty: "", bare: "" },
      B: {}
    })
  })

  it("keeps names of its language's own apart", () => {
    const ini = Ini.parse("[x]\n__proto__ = 1\nconstructor = 2\n")
    expect(Ini.lookup(ini, "x")!["constructor"]).toBe("2")
    expect(Ini.lookup(Ini.parse("[x]\n"), "x")!["constructor"]).toBe(undefined)
  })

  it("reads back any section that was written, in either kind of line end", () => {
    const word = fc.stringMatching(/^[a-z_]{1,8}$/)
    const value = fc.stringMatching(/^[!-~]{0,12}$/)
    fc.assert(
      fc.property(
        fc.dictionary(word, value, { noNullPrototype: true }),
        fc.constantFrom("\n", "\r\n", "\r"),
        (values, end) => {
          const text = ["[s]", ...Object.entries(values).map(([key, text]) => `${key} = ${text}`), ""].join(end)
          expect({ ...Ini.parse(text).get("s") }).toEqual(values)
        }
      )
    )
  })

  it("lets the second file win key by key", () => {
    const both = Ini.merge(Ini.parse("[DEFAULT]\na=0\nd=0\n[s]\na=1\nb=1\n"), Ini.parse("[s]\nb=2\n[DEFAULT]\nd=9\n"))
    expect({ ...Ini.lookup(both, "s") }).toEqual({ a: "1", b: "2", d: "9" })
    expect(Ini.lookup(both, "t")).toBe(undefined)
  })
})
