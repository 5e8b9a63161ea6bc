/**
 * The configured HTTP client: base URL, token, `Project`, user agent, no redirect followed, bodies readable whatever the
 * encoding. Protocol: sections 1.1 and 1.2.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"

/**
 * @since 0.1.0
 * @category tags
 */
export class ContreeHttp extends Context.Tag("effect-contree/ContreeHttp")<ContreeHttp, HttpClient.HttpClient>() {}
