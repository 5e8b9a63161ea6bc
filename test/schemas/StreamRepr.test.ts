import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck, Schema } from "effect"
import * as Event from "../../src/schemas/Event.js"
import * as StreamRepr from "../../src/schemas/StreamRepr.js"
import * as Wire from "../../src/schemas/Wire.js"
import { anyText } from "./anyText.js"

const plain = (byte: number): boolean => (byte >= 0x20 && byte <= 0x7e) || [0x09, 0x0a, 0x0d].includes(byte)
const utf8 = new TextEncoder()

describe("StreamRepr.fromBytes", () => {
  it("writes each of the 256 bytes, alone and among letters, as the rule says", () => {
    for (let byte = 0; byte < 256; byte++) {
      for (const bytes of [[byte], [0x61, byte], [byte, 0x61, 0x61], [0x61, 0x0a, byte, 0x61]]) {
        const all = Uint8Array.from(bytes)
        const expected = plain(byte)
          ? { value: String.fromCharCode(...bytes), encoding: "ascii" }
          : { value: Buffer.from(all).toString("base64"), encoding: "base64" }
        expect(StreamRepr.fromBytes(all)).toEqual(expected)
      }
    }
  })

  it("writes nothing as an empty ascii text", () => {
    expect(StreamRepr.fromBytes(new Uint8Array())).toEqual({ value: "", encoding: "ascii" })
  })

  it("comes back byte for byte, views of a larger buffer too", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.oneof(FastCheck.uint8Array({ maxLength: 100 }), FastCheck.string().map((text) => utf8.encode(text))),
        FastCheck.nat(5),
        (bytes, skip) => {
          const view = bytes.subarray(skip)
          const repr = StreamRepr.fromBytes(view)
          expect(StreamRepr.toBytes(repr)).toEqual(Uint8Array.from(view))
          expect(repr.encoding).toBe(view.every(plain) ? "ascii" : "base64")
          expect(Schema.is(StreamRepr.StreamRepr)(repr)).toBe(true)
          if (repr.encoding === "base64") expect(repr.value.length % 4).toBe(0)
        }
      ),
      { numRuns: 300 }
    )
  })

  it("takes a mebibyte of each kind", () => {
    for (const fill of [0x61, 0xff]) {
      const bytes = new Uint8Array(1 << 20).fill(fill)
      expect(Buffer.from(StreamRepr.toBytes(StreamRepr.fromBytes(bytes))!).equals(bytes)).toBe(true)
    }
  })
})

describe("StreamRepr.toBytes", () => {
  it("reads an ascii value with more in it as UTF-8, and one without a word on its encoding as ascii", () => {
    expect(StreamRepr.toBytes({ value: "é", encoding: "ascii" })).toEqual(utf8.encode("é"))
    expect(StreamRepr.toBytes({ value: "YQ==" })).toEqual(utf8.encode("YQ=="))
    expect(StreamRepr.toBytes({ value: "YQ==", encoding: null })).toEqual(utf8.encode("YQ=="))
  })

  it.each(["!", "YQ", "YQ=", "Y", "====", "YQ==YQ==", "Y Q="])("says of %j that it is no base64", (value) => {
    expect(StreamRepr.toBytes({ value, encoding: "base64" })).toBeUndefined()
  })

  it.each(["gzip", "", "BASE64", "utf-8"])("does not guess at an encoding %j", (encoding) => {
    expect(StreamRepr.toBytes({ value: "YQ==", encoding })).toBeUndefined()
  })

  it("never throws", () => {
    FastCheck.assert(FastCheck.property(anyText, (value) => {
      const bytes = StreamRepr.toBytes({ value, encoding: "base64" })
      expect(bytes === undefined || bytes instanceof Uint8Array).toBe(true)
    }))
  })
})

describe("StreamRepr.Bytes", () => {
  const decode = Schema.decodeUnknownEither(StreamRepr.Bytes)

  it("is the codec of the two", () => {
    FastCheck.assert(FastCheck.property(FastCheck.uint8Array(), FastCheck.boolean(), (bytes, truncated) => {
      const wire = JSON.parse(JSON.stringify(Schema.encodeSync(StreamRepr.Bytes)({ bytes, truncated })))
      expect(decode(wire)).toEqual(Either.right({ bytes, truncated }))
    }))
  })

  it("truncated is false where nobody said so", () => {
    for (const extra of [{}, { truncated: null }, { truncated: false }, { more: 1 }]) {
      expect(decode({ value: "a", encoding: "ascii", ...extra })).toEqual(
        Either.right({ bytes: utf8.encode("a"), truncated: false })
      )
    }
  })

  it("refuses what is no representation", () => {
    for (const bad of [{}, { value: "a" }, { value: 1, encoding: "ascii" }, { value: "!", encoding: "base64" }, null]) {
      expect(Either.isLeft(decode(bad))).toBe(true)
    }
    expect(Either.isLeft(decode({ value: "a", encoding: "utf-8" }))).toBe(true)
  })
})

describe("StreamRepr", () => {
  it("keeps an encoding it does not know, so that the rest of an answer can be read", () => {
    const repr = { value: "H4sI", encoding: "gzip", truncated: false }
    expect(Schema.decodeUnknownEither(StreamRepr.StreamRepr)(repr)).toEqual(Either.right(repr))
    const event = { id: 0, ts: { seconds: 0, nanos: 0 }, type: "stdout", data: repr, spid: 1 }
    expect(Event.fromEnvelope(event)._tag).toBe("stdout")
    const operation = {
      uuid: "00000000-0000-4000-8000-000000000001",
      kind: "instance",
      status: "SUCCESS",
      metadata: {
        command: "true",
        stdin: { value: "", encoding: "gzip" },
        result: { stdout: repr, stderr: { value: "", encoding: "ascii" } }
      }
    }
    expect(Either.isRight(Schema.decodeUnknownEither(Wire.Operation)(operation))).toBe(true)
  })
})

describe("ClosableStreamRepr", () => {
  it("takes no encoding in a request that no server knows", () => {
    const decode = Schema.decodeUnknownEither(StreamRepr.ClosableStreamRepr)
    expect(Either.isLeft(decode({ value: "", encoding: "gzip" }))).toBe(true)
  })

  it("keeps close apart from its absence", () => {
    const decode = Schema.decodeUnknownSync(StreamRepr.ClosableStreamRepr)
    expect(decode({ value: "" })).toEqual({ value: "" })
    expect(decode({ value: "", close: null })).toEqual({ value: "", close: null })
    expect(decode({ value: "", close: false, encoding: "ascii" })).toEqual({
      value: "",
      close: false,
      encoding: "ascii"
    })
  })
})
