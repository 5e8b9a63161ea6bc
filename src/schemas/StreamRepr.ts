/**
 * How bytes travel inside JSON: as text when every byte is printable ASCII, tab, LF or CR, else the whole as padded
 * base64. Protocol: section 3.3.
 *
 * @since 0.1.0
 */
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Base64 from "./Base64.js"
import { open, triState } from "./TriState.js"

/**
 * The encodings there are.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StreamEncoding = Schema.Literal("ascii", "base64")

/**
 * Bytes in an answer or an event, as they stand on the wire. An encoding of a later version is kept as it came: the rest
 * of an operation can be read without it, and `toBytes` says that these bytes cannot.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StreamRepr = Schema.Struct({
  value: Schema.String,
  encoding: open("ascii", "base64"),
  truncated: triState(Schema.Boolean)
})
/**
 * @since 0.1.0
 * @category models
 */
export type StreamRepr = typeof StreamRepr.Type

/**
 * Bytes in a request. `close: false` leaves the process's input open for more; absent, the end follows.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ClosableStreamRepr = Schema.Struct({
  value: Schema.String,
  encoding: triState(StreamEncoding),
  close: triState(Schema.Boolean)
})
/**
 * @since 0.1.0
 * @category models
 */
export type ClosableStreamRepr = typeof ClosableStreamRepr.Type

const isPlain = (bytes: Uint8Array): boolean => {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if ((byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) || byte > 0x7e) return false
  }
  return true
}

const ascii = new TextDecoder("latin1")

/**
 * The one representation of these bytes.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromBytes = (bytes: Uint8Array): { readonly value: string; readonly encoding: "ascii" | "base64" } =>
  isPlain(bytes)
    ? { value: ascii.decode(bytes), encoding: "ascii" }
    : { value: Base64.encode(bytes), encoding: "base64" }

const utf8 = new TextEncoder()

/**
 * The bytes of a representation; no encoding is `ascii`. An `ascii` value with other characters in it (older servers) is
 * read as UTF-8. `undefined` for base64 that is none, and for an encoding that this version does not know: read as
 * another it would be other bytes.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toBytes = (
  repr: { readonly value: string; readonly encoding?: string | null | undefined }
): Uint8Array | undefined => {
  switch (repr.encoding ?? "ascii") {
    case "ascii":
      return utf8.encode(repr.value)
    case "base64":
      return Base64.decode(repr.value)
    default:
      return undefined
  }
}

/**
 * The codec: `StreamRepr` on the wire, bytes and the truncation flag in the program.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Bytes: Schema.Schema<
  { readonly bytes: Uint8Array; readonly truncated: boolean },
  typeof StreamRepr.Encoded
> = Schema.transformOrFail(
  StreamRepr,
  Schema.Struct({ bytes: Schema.Uint8ArrayFromSelf, truncated: Schema.Boolean }),
  {
    strict: true,
    decode: (repr, _, ast) => {
      const bytes = toBytes(repr)
      return bytes === undefined
        ? ParseResult.fail(new ParseResult.Type(ast, repr.value, "expected ascii, or well-formed base64"))
        : ParseResult.succeed({ bytes, truncated: repr.truncated === true })
    },
    encode: ({ bytes, truncated }) => ParseResult.succeed({ ...fromBytes(bytes), truncated })
  }
)
