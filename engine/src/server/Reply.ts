/**
 * Answers, written by hand: what stands here is what goes over the wire.
 *
 * @since 0.1.0
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Refusal } from "../run/Refusal.js"

/**
 * A JSON answer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const json = (
  status: number,
  value: unknown,
  headers: Record<string, string> = {}
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.uint8Array(new TextEncoder().encode(JSON.stringify(value)), {
    status,
    headers,
    contentType: "application/json"
  })

/**
 * A plain text answer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const text = (status: number, body: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.uint8Array(new TextEncoder().encode(body), { status, contentType: "text/plain; charset=utf-8" })

/**
 * An answer without a body.
 *
 * @since 0.1.0
 * @category constructors
 */
export const empty = (
  status: number,
  headers: Record<string, string> = {}
): HttpServerResponse.HttpServerResponse => HttpServerResponse.empty({ status, headers })

/**
 * Why not, in the one form that every failure has.
 *
 * @since 0.1.0
 * @category constructors
 */
export const refuse = (refusal: Refusal): HttpServerResponse.HttpServerResponse =>
  json(refusal.status, { error: refusal.error, status: refusal.status }, {
    ...(refusal.retryAfterSeconds === undefined ? {} : { "retry-after": String(refusal.retryAfterSeconds) }),
    ...(refusal.allow === undefined ? {} : { allow: refusal.allow })
  })

/**
 * A streamed answer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const stream = (
  status: number,
  body: Stream.Stream<Uint8Array, unknown>,
  options: { readonly contentType: string; readonly headers?: Record<string, string> | undefined }
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(body, { status, contentType: options.contentType, headers: options.headers ?? {} })

/**
 * The answer as it is to be sent: a streamed body that fails half way must not look whole, so its connection is cut, and
 * the reader sees a broken transfer. (`NodeHttpServer` by itself would end it like a good one.)
 *
 * @since 0.1.0
 * @category conversions
 */
export const cutWhenBroken = (
  response: HttpServerResponse.HttpServerResponse,
  request: HttpServerRequest.HttpServerRequest
): HttpServerResponse.HttpServerResponse => {
  const { body } = response
  if (body._tag !== "Stream") return response
  const cut = Effect.sync(() => NodeHttpServerRequest.toServerResponse(request).destroy())
  const whole = Stream.tapErrorCause(
    body.stream,
    (cause) => Effect.zipRight(Effect.logDebug("a streamed answer broke", cause), cut)
  )
  return HttpServerResponse.setBody(response, HttpBody.stream(whole, body.contentType, body.contentLength))
}
