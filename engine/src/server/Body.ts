/**
 * Reading of request bodies, bounded, and never taken for whole when they are not.
 *
 * @since 0.1.0
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { IncomingMessage } from "node:http"
import type { Refusal } from "../run/Refusal.js"
import * as JsonPosition from "./JsonPosition.js"
import { badRequest, tooLarge } from "../run/Refusal.js"

/**
 * A JSON body has at most this many bytes: a spawn request carries its standard input.
 *
 * @since 0.1.0
 * @category defaults
 */
export const maxJsonBytes = 32 * 1024 * 1024

const announced = ({ headers }: IncomingMessage): number => Number(headers["content-length"] ?? 0)

const cutOff = badRequest("the connection ended before the body did")

/**
 * The bytes of the body. More than `limit` is 413 (at once when the length is announced), less than what was announced
 * is 400. Reading stops where the consumer does; what is left is read away after the answer (`Drain`).
 *
 * @since 0.1.0
 * @category constructors
 */
export const bytes = (
  limit: number,
  what: string
): Stream.Stream<Uint8Array, Refusal, HttpServerRequest.HttpServerRequest> =>
  Stream.unwrap(Effect.map(HttpServerRequest.HttpServerRequest, (request) => {
    const source = NodeHttpServerRequest.toIncomingMessage(request)
    const refusal = tooLarge(`${what} may have at most ${limit} bytes`)
    if (announced(source) > limit) return Stream.fail(refusal)
    let received = 0
    const conclusion = Stream.suspend(() => source.complete ? Stream.empty : Stream.fail(cutOff))
    return NodeStream.fromReadable<Refusal, Uint8Array>(() => source, () => cutOff, { closeOnDone: false }).pipe(
      Stream.mapChunksEffect((chunk) => {
        for (const part of chunk) received += part.length
        return received > limit ? Effect.fail(refusal) : Effect.succeed(chunk)
      }),
      Stream.concat(conclusion)
    )
  }))

/** The same, all at once: what is small needs no stream. */
const whole = (source: IncomingMessage, limit: number, what: string): Effect.Effect<Buffer, Refusal> =>
  Effect.async((resume) => {
    const refusal = tooLarge(`${what} may have at most ${limit} bytes`)
    if (announced(source) > limit) return resume(Effect.fail(refusal))
    const parts: Array<Buffer> = []
    let size = 0
    const stop = (): void => {
      source.off("data", take).off("end", end).off("close", end).off("error", end)
      // what is left is for `Drain`
      source.pause()
    }
    const done = (result: Effect.Effect<Buffer, Refusal>): void => {
      stop()
      resume(result)
    }
    const take = (part: Buffer): void => {
      size += part.length
      if (size > limit) return done(Effect.fail(refusal))
      parts.push(part)
    }
    const end = (): void => done(source.complete ? Effect.succeed(Buffer.concat(parts)) : Effect.fail(cutOff))
    // "close" alone comes when the connection was cut
    source.on("data", take).once("end", end).once("close", end).once("error", end)
    if (source.readableEnded || source.destroyed) end()
    return Effect.sync(stop)
  })

const text = Effect.flatMap(
  HttpServerRequest.HttpServerRequest,
  (request) =>
    Effect.flatMap(
      whole(NodeHttpServerRequest.toIncomingMessage(request), maxJsonBytes, "a JSON body"),
      (bytes) =>
        Effect.try({
          try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
          catch: () => badRequest("the body is not valid UTF-8")
        })
    )
)

const parse = (body: string): Effect.Effect<unknown, Refusal> =>
  Effect.try({
    try: (): unknown => JSON.parse(body),
    catch: () =>
      badRequest(body.trim() === "" ? "the body is empty: expected JSON" : `the body is not valid JSON${where(body)}`)
  })

// looking for the place in a large body would cost more than it tells
const maxSearched = 256 * 1024

const where = (body: string): string => {
  if (body.length > maxSearched) return ""
  const position = JsonPosition.find(body)
  if (position === undefined) return ""
  if (position === body.length) return ": it ends too early"
  const before = body.slice(0, position).split("\n")
  return `: unexpected character in line ${before.length}, column ${before[before.length - 1]!.length + 1}`
}

/** Where and what, without the value that was sent: that may be a secret. */
const explain = (error: ParseResult.ParseError): Refusal => {
  const issues = ParseResult.ArrayFormatter.formatErrorSync(error).map((issue) => ({
    path: issue.path.map(String).join(".") || "the body",
    message: issue.message.replace(/, actual [\s\S]*$/, "").replace(/^Expected /, "expected ")
      .replace(/^expected \{[\s\S]*$/, "expected an object")
  }))
  // that null would do too is of no use to who sent something else
  const told = issues.filter(({ message, path }) =>
    message !== "expected null" || issues.every((other) => other.path !== path || other.message === message)
  )
  return badRequest([...new Set(told.map(({ message, path }) => `${path}: ${message}`))].join("; "))
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

// decoding would drop it without a word
const refusePrototype = (value: unknown): Effect.Effect<unknown, Refusal> => {
  const fields = isRecord(value) ? Object.entries(value) : []
  const found = fields.find(([, field]) => isRecord(field) && Object.hasOwn(field, "__proto__"))
  return found === undefined
    ? Effect.succeed(value)
    : Effect.fail(badRequest(`${found[0]}.__proto__: this name cannot be used`))
}

/**
 * The value of a schema from anything. 400 says where it does not fit, and what was expected.
 *
 * @since 0.1.0
 * @category parsing
 */
export const decode = <A, I>(schema: Schema.Schema<A, I>): (value: unknown) => Effect.Effect<A, Refusal> => {
  const decodeEither = Schema.decodeUnknownEither(schema, { errors: "all" })
  return (value) => Either.mapLeft(decodeEither(value), explain)
}

/**
 * The JSON body as a value of the schema.
 *
 * @since 0.1.0
 * @category constructors
 */
export const json = <A, I>(
  schema: Schema.Schema<A, I>
): Effect.Effect<A, Refusal, HttpServerRequest.HttpServerRequest> =>
  text.pipe(Effect.flatMap(parse), Effect.flatMap(refusePrototype), Effect.flatMap(decode(schema)))
