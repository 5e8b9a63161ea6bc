/** An answer whose body is still on its way. */
import * as Cookies from "@effect/platform/Cookies"
import * as Headers from "@effect/platform/Headers"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { concat } from "../../internal/Bytes.js"
import * as Pull from "../../internal/Pull.js"
import type { Exchange, Head } from "./Exchange.js"

type Failure = HttpClientError.ResponseError

/**
 * Resumed when there is something to see, and not before the present event of the socket is dealt with whole. Looked for
 * again here: a fiber may pause between any two steps, and nobody is woken for what came meanwhile.
 */
const waited = (exchange: Exchange, isThere: () => boolean): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    if (isThere()) return resume(Effect.void)
    const wake = (): void => resume(Effect.void)
    exchange.wait(wake)
    return Effect.sync(() => exchange.forget(wake))
  })

export class PoolResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly headers: Headers.Headers
  /** the whole, once somebody asked for it */
  private whole: Uint8Array | undefined
  /** how the body is read: there is one, and who came first has it; those who want the whole share it */
  private reading: "stream" | "whole" | undefined

  constructor(
    readonly request: HttpClientRequest.HttpClientRequest,
    private readonly head: Head,
    private readonly exchange: Exchange
  ) {
    super()
    this.headers = Headers.fromInput(head.headers)
  }

  get status(): number {
    return this.head.status
  }

  get cookies(): Cookies.Cookies {
    const header = this.head.headers["set-cookie"]
    return header === undefined ? Cookies.empty : Cookies.fromSetCookie(header)
  }

  get remoteAddress(): Option.Option<string> {
    return Option.none()
  }

  /** Once only, unless the whole was read before. Reading it not to its end gives the connection up. */
  get stream(): Stream.Stream<Uint8Array, Failure> {
    return Pull.toStream(this.body)
  }

  private readonly body: Pull.Pulled<Uint8Array, Failure, Failure> = Effect.suspend(() => {
    if (this.whole !== undefined) return Pull.fromArray([this.whole])
    if (this.reading !== undefined) return Effect.fail(this.failed(undefined, "the body was read already"))
    this.reading = "stream"
    const stop = Effect.sync(() => this.exchange.abort())
    return Effect.scopeWith((scope) => Effect.as(Scope.addFinalizer(scope, stop), this.chunks))
  })

  /** All that came, as one chunk; then the failure, if there is one: what came before it is good. */
  private readonly chunks: Pull.Pull<Uint8Array, Failure> = Effect.suspend(() => {
    const { exchange } = this
    if (!exchange.isEmpty) return Effect.succeed(Chunk.unsafeFromArray(exchange.take()))
    if (!exchange.isOver) {
      return Effect.zipRight(waited(exchange, () => !exchange.isEmpty || exchange.isOver), this.chunks)
    }
    return exchange.failure === undefined ? Pull.ended : Effect.fail(Option.some(this.failed(exchange.failure.cause)))
  })

  private readonly bytes: Effect.Effect<Uint8Array, Failure> = Effect.suspend(() => {
    if (this.whole !== undefined) return Effect.succeed(this.whole)
    if (this.reading === "stream") return Effect.fail(this.failed(undefined, "the body was read already"))
    this.reading = "whole"
    const { exchange } = this
    exchange.collect()
    return Effect.zipRight(waited(exchange, () => exchange.isOver), this.collected)
  })

  private readonly collected: Effect.Effect<Uint8Array, Failure> = Effect.suspend(() => {
    const { failure } = this.exchange
    if (failure !== undefined) return Effect.fail(this.failed(failure.cause))
    // The first who comes takes it for all.
    return Effect.succeed(this.whole ??= concat(this.exchange.take()))
  })

  get text(): Effect.Effect<string, Failure> {
    return Effect.map(this.bytes, (bytes) => new TextDecoder().decode(bytes))
  }

  get json(): Effect.Effect<unknown, Failure> {
    return Effect.flatMap(this.text, (text) =>
      Effect.try({
        try: (): unknown => text === "" ? null : JSON.parse(text),
        catch: (cause) => this.failed(cause)
      }))
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, Failure> {
    return Effect.map(this.bytes, (bytes) => new Uint8Array(bytes).buffer)
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, Failure> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  get formData(): Effect.Effect<FormData, Failure> {
    const headers = { "content-type": this.headers["content-type"] ?? "" }
    return Effect.flatMap(this.arrayBuffer, (body) =>
      Effect.tryPromise({
        try: () => new Response(body, { headers }).formData(),
        catch: (cause) => this.failed(cause)
      }))
  }

  private failed(cause: unknown, description?: string): Failure {
    return new HttpClientError.ResponseError({
      request: this.request,
      response: this,
      reason: "Decode",
      cause,
      ...(description === undefined ? {} : { description })
    })
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "@effect/platform/HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    })
  }
}
