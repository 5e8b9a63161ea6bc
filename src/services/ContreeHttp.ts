/**
 * The configured HTTP client: base URL, token, `Project`, user agent, no redirect followed, bodies readable whatever the
 * encoding. Protocol: sections 1.1 and 1.2.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { configure } from "../internal/HttpConfigured.js"
import { ContreeConfig } from "./ContreeConfig.js"

/**
 * @since 0.1.0
 * @category tags
 */
export class ContreeHttp extends Context.Tag("effect-contree/ContreeHttp")<ContreeHttp, HttpClient.HttpClient>() {}

/**
 * The client of the configuration, on top of whichever `HttpClient` there is. Requests name paths below `/v1`. No
 * redirect is followed, whatever the client; gzip is decoded where the client does not. No trace headers are sent and no
 * HTTP spans made: `transformClient` may turn both on (`HttpClient.withTracerPropagation`).
 *
 * For fetch, options given through `FetchHttpClient.RequestInit` are kept where this is built or called; those built
 * into a `FetchHttpClient.layer` of your own are replaced: provide them beside it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<HttpClient.HttpClient, never, ContreeConfig | HttpClient.HttpClient> = Effect.flatMap(
  ContreeConfig,
  configure
)
