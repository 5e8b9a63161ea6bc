/**
 * What the SDK needs to know of a service: where it is, who asks, and how patient to be. Layers that build it:
 * `effect-contree/ContreeConfig`.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import type * as Errors from "../schemas/Errors.js"

/**
 * How many at once. `"server"` asks the server for its limit, once. Defaults: runs 50, imports 8, uploads 4.
 *
 * @since 0.1.0
 * @category models
 */
export interface Concurrency {
  readonly runs?: number | "server" | undefined
  readonly imports?: number | "server" | undefined
  readonly uploads?: number | "server" | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly token: Redacted.Redacted<string>
  readonly project: Option.Option<string>
  /** without `/v1` and without a slash at its end */
  readonly baseUrl: string
  readonly userAgent: Option.Option<string>
  readonly concurrency: {
    readonly runs: number | "server"
    readonly imports: number | "server"
    readonly uploads: number | "server"
  }
  /** when to send a request again, and for how long */
  readonly retry: Schedule.Schedule<unknown, Errors.ContreeError>
  /** for one request and the whole of its answer; streams are bounded by `idleTimeout` instead */
  readonly requestTimeout: Duration.Duration
  /** how long a stream may carry not one byte (keep-alives count) before it is taken for dead */
  readonly idleTimeout: Duration.Duration
  readonly transformClient: Option.Option<(client: HttpClient.HttpClient) => HttpClient.HttpClient>
}

/**
 * What a `Config` can hold.
 *
 * @since 0.1.0
 * @category models
 */
export interface Values {
  readonly token: Redacted.Redacted<string>
  readonly baseUrl?: string | undefined
  readonly project?: string | undefined
  readonly userAgent?: string | undefined
  readonly concurrency?: Concurrency | undefined
  /** default: 5 minutes */
  readonly requestTimeout?: Duration.DurationInput | undefined
  /** default: 1 minute */
  readonly idleTimeout?: Duration.DurationInput | undefined
}

/**
 * What a `Config` cannot hold: functions.
 *
 * @since 0.1.0
 * @category models
 */
export interface Behaviour {
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
  readonly retry?: Schedule.Schedule<unknown, Errors.ContreeError> | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options extends Values, Behaviour {}

/**
 * @since 0.1.0
 * @category tags
 */
export class ContreeConfig extends Context.Tag("effect-contree/ContreeConfig")<ContreeConfig, Service>() {}
