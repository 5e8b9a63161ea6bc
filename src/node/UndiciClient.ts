/**
 * An `HttpClient` for Node on undici's pools: no idle limits of its own, since the SDK has its clocks; no redirect
 * followed; a body whose layer is closed while it is read fails, and so does one that is cut, wherever HTTP lets that be
 * seen: of one with neither a length nor chunks, a connection that ends in order is the end.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { neverFollowing } from "../internal/HttpRedirects.js"
import * as Sha256 from "../internal/Sha256.js"
import { Exchange } from "./internal/Exchange.js"
import type { Options as Gated } from "./internal/Gate.js"
import * as NativeSha256 from "./internal/NativeSha256.js"
import { PoolResponse } from "./internal/PoolResponse.js"
import { Pools } from "./internal/Pools.js"
import { prepare } from "./internal/RequestBody.js"
import type { Prepared } from "./internal/RequestBody.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * At most so many connections to one origin; what comes then waits for one. Default: no bound. Whoever follows a run
   * holds a connection for as long as it lasts: with a bound, followers could keep a cancellation waiting.
   */
  readonly connections?: number | undefined
  /** how long making a connection may take; default: 10 seconds */
  readonly connectTimeout?: Duration.DurationInput | undefined
}

/** in milliseconds; to undici, and so to Node's timers, 0 is no limit */
const connectTimeoutOf = ({ connectTimeout = "10 seconds" }: Options): number => {
  const millis = Duration.toMillis(connectTimeout)
  return millis > 2 ** 31 - 1 ? 0 : Math.max(1, Math.ceil(millis))
}

const optionsOf = (
  request: HttpClientRequest.HttpClientRequest,
  url: URL,
  { body, contentType }: Prepared,
  exchange: Exchange
): Gated => ({
  origin: url.origin,
  path: url.pathname + url.search,
  method: request.method,
  headers: contentType === undefined ? request.headers : { ...request.headers, "content-type": contentType },
  body,
  // Else undici ends the connection after each HEAD, for fear of servers that answer it with a body.
  ...(request.method === "HEAD" ? { reset: false } : {}),
  onGate: exchange.onGate
})

const send = (
  pools: Pools,
  request: HttpClientRequest.HttpClientRequest,
  url: URL,
  signal: AbortSignal,
  prepared: Prepared
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.RequestError> =>
  Effect.async((resume) => {
    // A body may stay open for hours: whoever waited for its head is not held for so long.
    let waiting: typeof resume | undefined = resume
    const answer = (effect: Parameters<typeof resume>[0]): void => {
      waiting?.(effect)
      waiting = undefined
    }
    const fail = (cause: unknown): void =>
      answer(Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause })))
    const abort = (): void => exchange.abort()
    const finish = (): void => {
      signal.removeEventListener("abort", abort)
      void prepared.stop?.()
    }
    const exchange = new Exchange({
      onHead: (head) => answer(Effect.succeed(new PoolResponse(request, head, exchange))),
      onFailure: fail,
      onFinish: finish
    })
    // Of what was aborted before, a signal does not tell.
    if (signal.aborted) return abort()
    signal.addEventListener("abort", abort)
    try {
      pools.of(url.origin).dispatch(optionsOf(request, url, prepared, exchange), exchange)
    } catch (cause) {
      finish()
      fail(cause)
    }
    return Effect.suspend(() => {
      abort()
      // What makes the body may have something to put away.
      return prepared.stop === undefined ? Effect.void : Effect.promise(prepared.stop)
    })
  })

const execute = (pools: Pools): HttpClient.HttpClient => {
  const client = HttpClient.make((request, url, signal) =>
    Effect.flatMap(prepare(request.body), (prepared) =>
      prepared === undefined
        ? Effect.fail(
          new HttpClientError.RequestError({
            request,
            reason: "Encode",
            description: "a body of an unknown kind, or one read already"
          })
        )
        : send(pools, request, url, signal, prepared))
  )
  neverFollowing.add(client)
  return client
}

/**
 * A client for as long as the scope lives. When it closes, its connections are destroyed: requests under way fail, and
 * so do bodies that have not come to their end.
 *
 * From the first one on, what the SDK hashes piece by piece it hashes with `node:crypto`: in the whole process, whichever
 * client is used.
 *
 * @example
 * ```ts
 * import { UndiciClient } from "effect-contree/node"
 * import { Effect } from "effect"
 *
 * export const status = Effect.scoped(Effect.gen(function*() {
 *   const client = yield* UndiciClient.make({ connectTimeout: "2 seconds" })
 *   return (yield* client.get("http://127.0.0.1:8080/v1/whoami")).status
 * }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<HttpClient.HttpClient, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        // Whoever has this client is on Node: what the SDK hashes piece by piece goes ten times as fast there.
        Sha256.provide(NativeSha256.make)
        return new Pools({ connections: options.connections ?? null, connectTimeout: connectTimeoutOf(options) })
      }),
      (pools) => Effect.promise(() => pools.destroy())
    ),
    execute
  )

/**
 * With options; see `make`.
 *
 * @example
 * ```ts
 * import { Contree } from "effect-contree"
 * import { UndiciClient } from "effect-contree/node"
 * import { Layer } from "effect"
 *
 * export const Live = Contree.layerEnv.pipe(
 *   Layer.provide(UndiciClient.layerOptions({ connectTimeout: "2 seconds" }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerOptions = (options: Options): Layer.Layer<HttpClient.HttpClient> =>
  Layer.scoped(HttpClient.HttpClient, make(options))

/**
 * What `Contree.layer*` wants on Node.
 *
 * @example
 * ```ts
 * import { Contree } from "effect-contree"
 * import { UndiciClient } from "effect-contree/node"
 * import { Layer } from "effect"
 *
 * export const Live = Contree.layerEnv.pipe(Layer.provide(UndiciClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<HttpClient.HttpClient> = layerOptions({})
