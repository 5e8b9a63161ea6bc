/**
 * Bodies that read the same over every client. A server may compress any answer; some clients (fetch) decode it and keep
 * the `content-encoding` header, others do neither, and the content itself may be a gzip file.
 */
import type * as Cookies from "@effect/platform/Cookies"
import type * as Headers from "@effect/platform/Headers"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import type * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { concat } from "./Bytes.js"
import * as Gzip from "./Gzip.js"
import { nextOf } from "./Pull.js"

type Bytes = Stream.Stream<Uint8Array, HttpClientError.ResponseError>

/** what is known of the client's habits; one for each client, for as long as it lives */
export interface Knowledge {
  decodes: boolean | undefined
}

const isEncoded = (headers: Headers.Headers): boolean => /^\s*(?:x-)?gzip\s*$/i.test(headers["content-encoding"] ?? "")

/** JSON, events and pages are text: none begins with the two bytes of gzip, so these answers tell what the client does */
const isText = (headers: Headers.Headers): boolean =>
  /^(?:application\/(?:[\w.-]+\+)?json|text\/(?:event-stream|html))\b/i.test(headers["content-type"] ?? "")

/** does the response come from fetch? (Platform's responses keep their source, some inside another response.) */
const isWeb = (response: object): boolean => {
  if (Predicate.hasProperty(response, "original") && Predicate.isObject(response.original)) {
    return isWeb(response.original)
  }
  return Predicate.hasProperty(response, "source") &&
    Object.prototype.toString.call(response.source) === "[object Response]"
}

/**
 * A body that does not begin with gzip's two bytes is decoded, whoever the client. One that does was not, if it is text;
 * of other content only the client's habit tells.
 */
const needsDecoding = (
  response: HttpClientResponse.HttpClientResponse,
  head: Uint8Array,
  known: Knowledge
): boolean => {
  const magic = Gzip.isGzip(head)
  if (isText(response.headers)) {
    known.decodes = !magic
    return magic
  }
  return magic && !(known.decodes ?? isWeb(response))
}

const emptyIsNoBytes = (body: Bytes): Bytes =>
  Stream.catchAll(
    body,
    (error): Bytes => error.reason === "EmptyBody" ? Stream.empty : Stream.fail(error)
  )

const decode = (response: HttpClientResponse.HttpClientResponse, self: Decoded, known: Knowledge): Bytes =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const pull = yield* Stream.toPull(emptyIsNoBytes(response.stream))
    let head: Chunk.Chunk<Uint8Array> = Chunk.empty()
    let size = 0
    while (size < 2) {
      const next = yield* nextOf(pull)
      if (next === undefined) return Stream.fromChunk(head)
      head = Chunk.appendAll(head, next)
      for (const bytes of next) size += bytes.length
    }
    const body = Stream.concat(Stream.fromChunk(head), Stream.repeatEffectChunkOption(pull))
    self.isUnpackedHere = needsDecoding(response, concat(Chunk.toReadonlyArray(head)), known)
    return self.isUnpackedHere
      ? Gzip.gunzip(body, (reason) =>
        new HttpClientError.ResponseError({
          request: self.request,
          response: self,
          reason: "Decode",
          description: `the gzip body is damaged or was cut short (${reason})`
        }))
      : body
  }))

class Decoded extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly stream: Bytes
  /** known once reading has begun */
  isUnpackedHere = false

  constructor(readonly original: HttpClientResponse.HttpClientResponse, known: Knowledge) {
    super()
    this.stream = decode(original, this, known)
  }

  get request(): HttpClientRequest.HttpClientRequest {
    return this.original.request
  }
  get status(): number {
    return this.original.status
  }
  /** as they came: `content-encoding` says how the body travelled */
  get headers(): Headers.Headers {
    return this.original.headers
  }
  get cookies(): Cookies.Cookies {
    return this.original.cookies
  }
  get remoteAddress(): Option.Option<string> {
    return this.original.remoteAddress
  }
  private get bytes(): Effect.Effect<Uint8Array, HttpClientError.ResponseError> {
    return Effect.map(Stream.runCollect(this.stream), (parts) => concat(Chunk.toReadonlyArray(parts)))
  }
  get text(): Effect.Effect<string, HttpClientError.ResponseError> {
    return Effect.map(this.bytes, (bytes) => new TextDecoder().decode(bytes))
  }
  get json(): Effect.Effect<unknown, HttpClientError.ResponseError> {
    return Effect.tryMap(this.text, {
      try: (text): unknown => text === "" ? null : JSON.parse(text),
      catch: (cause) => this.failure(cause)
    })
  }
  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpClientError.ResponseError> {
    return Effect.map(this.bytes, (bytes) => new Uint8Array(bytes).buffer)
  }
  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpClientError.ResponseError> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }
  get formData(): Effect.Effect<FormData, HttpClientError.ResponseError> {
    const headers = { "content-type": this.headers["content-type"] ?? "" }
    return Effect.flatMap(this.arrayBuffer, (body) =>
      Effect.tryPromise({
        try: () => new Response(body, { headers }).formData(),
        catch: (cause) => this.failure(cause)
      }))
  }
  private failure(cause: unknown): HttpClientError.ResponseError {
    return new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
  }
  toJSON(): unknown {
    return this.original.toJSON()
  }
}

const isUnpackedHere = (response: object): boolean =>
  response instanceof Decoded
    ? response.isUnpackedHere
    : Predicate.hasProperty(response, "original") && Predicate.isObject(response.original)
    ? isUnpackedHere(response.original)
    : false

/**
 * Was the body unpacked by the client? Then it may have lost its end unnoticed: fetch says nothing of a missing trailer.
 * To be asked when the body was read.
 */
export const isUnchecked = (response: HttpClientResponse.HttpClientResponse): boolean =>
  response.headers["content-encoding"] !== undefined && !isUnpackedHere(response)

/**
 * The same response with a readable body. Without a `content-encoding` of gzip nothing is wrapped, and nothing costs.
 */
export const decoded = (
  response: HttpClientResponse.HttpClientResponse,
  known: Knowledge
): HttpClientResponse.HttpClientResponse => isEncoded(response.headers) ? new Decoded(response, known) : response
