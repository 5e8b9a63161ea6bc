/**
 * What the SDK needs to know of a service: where it is, who asks, and how patient to be. Layers that build it:
 * `effect-contree/ContreeConfig`.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import * as Checks from "../internal/ConfigValues.js"
import { defaultPolicy } from "../internal/Retry.js"
import type * as Errors from "../schemas/Errors.js"

/**
 * How many at once; the next one waits. `"server"` asks the server for its limit, once. Defaults: runs 50, imports 8,
 * uploads 4. A run of `start` counts until its end is known here, as `Image.start` says.
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
  /** blank is missing; spaces and line breaks around it are dropped */
  readonly token: Redacted.Redacted<string>
  /** http or https; a `/v1` or slashes at its end are dropped. Default: `defaultBaseUrl`, the hosted service */
  readonly baseUrl?: string | undefined
  /** sent as the header `Project`, which tokens of the hosted service need */
  readonly project?: string | undefined
  /** who asks, put in front of the SDK's own name */
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
  /**
   * How often and how soon a request is sent again that may be. Default: five tries within about 30 seconds, jittered
   * from 100 ms up to 5 s apart, with Retry-After honoured up to 30 s. `Schedule.stop` never tries again, except once
   * for a read whose kept-open connection turns out to be gone.
   */
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

/**
 * Where the hosted service is.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaultBaseUrl: string = Checks.defaultBaseUrl

/**
 * Checks the options and fills in the defaults: a `ConfigurationError` says what is wrong, and repeats no value.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Service, Errors.ConfigurationError> =>
  Effect.gen(function*() {
    const method = "ContreeConfig.make"
    const text = (what: string, value: string | undefined) => {
      const given = Checks.present(value)
      return given === undefined
        ? Effect.succeed(Option.none<string>())
        : Effect.map(Checks.orFail(Checks.headerText(`the ${what}`, given), method, [what]), Option.some)
    }
    const limit = (what: "runs" | "imports" | "uploads", fallback: number) =>
      Checks.orFail(
        Checks.limit(`concurrency.${what}`, options.concurrency?.[what], fallback),
        method,
        [`concurrency.${what}`]
      )
    const duration = (what: "requestTimeout" | "idleTimeout", fallback: Duration.DurationInput) =>
      Checks.orFail(Checks.duration(what, options[what], fallback), method, [what])

    return {
      token: yield* Checks.orFail(Checks.token(options.token), method, ["token"]),
      project: yield* text("project", options.project),
      baseUrl: yield* Checks.orFail(
        Checks.baseUrl(Checks.present(options.baseUrl) ?? defaultBaseUrl),
        method,
        ["baseUrl"]
      ),
      userAgent: yield* text("userAgent", options.userAgent),
      concurrency: {
        runs: yield* limit("runs", 50),
        imports: yield* limit("imports", 8),
        uploads: yield* limit("uploads", 4)
      },
      retry: options.retry ?? defaultPolicy,
      requestTimeout: yield* duration("requestTimeout", "5 minutes"),
      idleTimeout: yield* duration("idleTimeout", "1 minute"),
      transformClient: Option.fromNullable(options.transformClient)
    }
  })
