/**
 * The pieces that several models share.
 *
 * @since 0.1.0
 */
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { triState } from "../TriState.js"

/**
 * Permission bits as octal text: written `0644`; read also from `644`, `0o644` and a bare number.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Mode: Schema.Schema<number, string | number> = Schema.transformOrFail(
  Schema.Union(Schema.String, Schema.Number),
  Schema.Int.pipe(Schema.between(0, 0o7777)),
  {
    strict: true,
    decode: (input, _, ast) => {
      if (typeof input === "number") return ParseResult.succeed(input)
      const match = /^(?:0o)?([0-7]{1,5})$/.exec(input)
      return match === null
        ? ParseResult.fail(new ParseResult.Type(ast, input, "expected octal digits such as 0644"))
        : ParseResult.succeed(Number.parseInt(match[1]!, 8))
    },
    encode: (mode) => ParseResult.succeed(mode.toString(8).padStart(4, "0"))
  }
)

/**
 * The body of every failure. `error` is there, as text or any other JSON; what has none came from somebody else.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ErrorBody = Schema.Struct({
  // `Unknown` alone would let it be absent
  error: Schema.Unknown.pipe(Schema.filter((error) => error !== undefined)),
  status: triState(Schema.Int),
  traceback: triState(Schema.Array(Schema.String))
})
