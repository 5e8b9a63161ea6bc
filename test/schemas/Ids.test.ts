import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, FastCheck, Schema } from "effect"
import * as Ids from "../../src/schemas/Ids.js"
import { anyText } from "./anyText.js"

const uuid = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
const climbing = [
  "",
  ".",
  "..",
  "../..",
  "/",
  "a/b",
  "%2e%2e",
  "%2F",
  `${uuid}/`,
  `${uuid}/..`,
  `../${uuid}`,
  `${uuid}%2f`,
  `${uuid}\n`,
  ` ${uuid}`,
  `${uuid}?x=1`,
  `${uuid}#`,
  uuid.replaceAll("-", ""),
  `{${uuid}}`,
  uuid.slice(1),
  "-".repeat(36),
  "g".repeat(64)
]

describe.each<[string, (u: unknown) => boolean, FastCheck.Arbitrary<string>]>([
  ["ImageId", Schema.is(Ids.ImageId), Arbitrary.make(Ids.ImageId)],
  ["OperationId", Schema.is(Ids.OperationId), Arbitrary.make(Ids.OperationId)],
  ["FileId", Schema.is(Ids.FileId), Arbitrary.make(Ids.FileId)],
  ["Sha256", Schema.is(Ids.Sha256), Arbitrary.make(Ids.Sha256)]
])("Ids.%s", (_, is, arbitrary) => {
  it.each(climbing)("refuses %j, which could climb out of a path", (text) => {
    expect(is(text)).toBe(false)
  })

  it("takes nothing that a path would read as more than one name", () => {
    FastCheck.assert(FastCheck.property(
      FastCheck.oneof(
        anyText,
        FastCheck.string({
          unit: FastCheck.constantFrom(..."0123456789abcdefABCDEF-./%?#"),
          minLength: 36,
          maxLength: 64
        })
      ),
      (text) => {
        if (is(text)) expect(encodeURIComponent(text)).toBe(text)
      }
    ))
  })

  it("makes values that it takes", () => {
    FastCheck.assert(FastCheck.property(arbitrary, (id) => is(id)))
  })
})

describe("the other ids", () => {
  it("a UUID counts in any case", () => {
    expect(Schema.is(Ids.ImageId)(uuid)).toBe(true)
    expect(Schema.is(Ids.ImageId)(uuid.toUpperCase())).toBe(true)
  })

  it("a SHA-256 in lower case only, or the same file would have two names", () => {
    expect(Schema.is(Ids.Sha256)("ab".repeat(32))).toBe(true)
    expect(Schema.is(Ids.Sha256)("AB".repeat(32))).toBe(false)
    expect(Schema.is(Ids.Sha256)("ab".repeat(31))).toBe(false)
  })

  it("a tag has 1 to 256 characters of its alphabet", () => {
    const is = Schema.is(Ids.Tag)
    for (const tag of ["a", "A.b_c-d:e/f", "a".repeat(256)]) expect(is(tag)).toBe(true)
    for (const tag of ["", "a".repeat(257), "a b", "a%", "a@b", "é", "a\n", "a\0"]) expect(is(tag)).toBe(false)
  })

  it("the number of a process is a whole one from 0", () => {
    const is = Schema.is(Ids.Spid)
    for (const spid of [0, 1, 2, 1e6]) expect(is(spid)).toBe(true)
    for (const spid of [-1, 1.5, NaN, Infinity, "1"]) expect(is(spid)).toBe(false)
  })
})
