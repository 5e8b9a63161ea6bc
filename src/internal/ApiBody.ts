/** Bodies of answers, read within bounds. */
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { concat } from "./Bytes.js"
import { readableBody } from "./HttpText.js"
import type { Scrub } from "./HttpText.js"

const utf8 = new TextDecoder()

interface Read {
  readonly parts: Array<Uint8Array>
  size: number
}

/** reads until more than `limit` bytes are there */
const collectInto = (response: HttpClientResponse.HttpClientResponse, into: Read, limit: number) =>
  Stream.runForEachWhile(response.stream, (bytes) =>
    Effect.sync(() => {
      into.parts.push(bytes)
      into.size += bytes.length
      return into.size <= limit
    })).pipe(
      // Some clients call no body at all an error.
      Effect.catchIf((error) => error.reason === "EmptyBody", () => Effect.void)
    )

/** of a body that is read without counting */
const maxShort = 64 * 1024

/**
 * A body that says how long it is, and means what it says: compressed, it may be of any length. A browser hides that of
 * an answer from another origin, so only what is short is believed.
 */
const isShort = ({ headers }: HttpClientResponse.HttpClientResponse, limit: number): boolean => {
  const length = headers["content-length"]
  return length !== undefined && /^[1-9]\d{0,8}$/.test(length) && Number(length) <= Math.min(limit, maxShort) &&
    headers["content-encoding"] === undefined
}

/** the whole as text; `undefined` when it is longer than `limit` bytes */
export const text = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number
): Effect.Effect<string | undefined, HttpClientError.ResponseError> =>
  Effect.suspend(() => {
    // Of a hundred bytes a stream costs more than the rest of the exchange.
    if (isShort(response, limit)) return response.text
    const read: Read = { parts: [], size: 0 }
    return Effect.map(
      collectInto(response, read, limit),
      () => read.size > limit ? undefined : utf8.decode(concat(read.parts))
    )
  })

/** reads to the end what nobody wants, so that the connection can be used again */
export const drain = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<void, HttpClientError.ResponseError> => collectInto(response, { parts: [], size: 0 }, maxDrained)

const maxDrained = 1024 * 1024
const maxErrorBytes = 64 * 1024
const maxErrorTime = "5 seconds"

/**
 * What the server says of a failure. The failure is told in any case: a body that is slow, huge or broken gives what
 * came of it in time.
 */
export const errorText = (response: HttpClientResponse.HttpClientResponse, scrub: Scrub): Effect.Effect<string> =>
  Effect.suspend(() => {
    const read: Read = { parts: [], size: 0 }
    return collectInto(response, read, maxErrorBytes).pipe(
      Effect.interruptible,
      Effect.timeoutOption(maxErrorTime),
      Effect.ignore,
      Effect.map(() => readableBody(utf8.decode(concat(read.parts)), scrub))
    )
  })
