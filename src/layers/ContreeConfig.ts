/**
 * Where the service is and who asks, and the layers that find it out: from values, from a `Config`, from the environment,
 * or from a profile.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { fromProfile } from "../internal/ConfigProfile.js"
import { fromEnvironment } from "../internal/ConfigSource.js"
import type * as Errors from "../schemas/Errors.js"
import { ContreeConfig, defaultBaseUrl, make } from "../services/ContreeConfig.js"
import type { Behaviour, Options, Values } from "../services/ContreeConfig.js"

/**
 * @since 0.1.0
 */
export * from "../services/ContreeConfig.js"

/**
 * From values. Fails with a `ConfigurationError` when one of them cannot be used: a blank token, a URL that is not http
 * or https, a limit or a duration that is not above zero.
 *
 * @example
 * ```ts
 * import { ContreeConfig } from "effect-contree"
 * import { Redacted } from "effect"
 *
 * export const Config = ContreeConfig.layer({
 *   token: Redacted.make("..."),
 *   baseUrl: "http://127.0.0.1:8080",
 *   concurrency: { runs: 4 }
 * })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<ContreeConfig, Errors.ConfigurationError> =>
  Layer.effect(ContreeConfig, make(options))

/** `Config.unwrap` cannot read a property that is there and undefined, which an option may well be */
const withoutUndefined = (wrapped: unknown): unknown =>
  Config.isConfig(wrapped) || typeof wrapped !== "object" || wrapped === null
    ? wrapped
    : Object.fromEntries(
      Object.entries(wrapped)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => [key, withoutUndefined(value)])
    )

/**
 * From a `Config` of each value, or of all. What a `Config` cannot hold, functions, is the second argument. Fails with
 * the `ConfigError` of the `Config`, or as `layer` does.
 *
 * @example
 * ```ts
 * import { ContreeConfig } from "effect-contree"
 * import { Config, Schedule } from "effect"
 *
 * export const FromConfig = ContreeConfig.layerConfig({
 *   token: Config.redacted("MY_TOKEN"),
 *   baseUrl: Config.string("MY_URL"),
 *   concurrency: { runs: Config.integer("MY_RUNS") }
 * }, { retry: Schedule.recurs(3) })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  values: Config.Config.Wrap<Values>,
  behaviour: Behaviour = {}
): Layer.Layer<ContreeConfig, ConfigError.ConfigError | Errors.ConfigurationError> =>
  Layer.effect(
    ContreeConfig,
    Effect.flatMap(
      Config.unwrap<Values>(withoutUndefined(values) as Config.Config.Wrap<Values>),
      (found) => make({ ...found, ...behaviour })
    )
  )

/**
 * From the environment, through the `ConfigProvider` in place:
 *
 * - the token: `CONTREE_TOKEN`, else `NEBIUS_API_KEY`
 * - the base URL: `CONTREE_URL`, else `CONTREE_BASE_URL`. It has no default: a token must not go to a guessed address
 * - the project, if any: `CONTREE_PROJECT`, else `NEBIUS_AI_PROJECT`, else `NEBIUS_PROJECT_ID`
 *
 * Empty and blank count as missing. Fails with a `ConfigurationError` that names what is missing and every name tried.
 *
 * @example
 * ```ts
 * import { ContreeConfig } from "effect-contree"
 * import { ConfigProvider, Layer } from "effect"
 *
 * export const Env = ContreeConfig.layerEnv.pipe(
 *   Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map([
 *     ["CONTREE_TOKEN", "..."],
 *     ["CONTREE_URL", "http://127.0.0.1:8080"]
 *   ]))))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEnv: Layer.Layer<ContreeConfig, Errors.ConfigurationError> = Layer.effect(
  ContreeConfig,
  Effect.flatMap(fromEnvironment("ContreeConfig.layerEnv", defaultBaseUrl), make)
)

/**
 * From a profile as the command line tools of ConTree write it: `cli.ini` and `auth.ini` (which wins) in `CONTREE_HOME`,
 * else in `contree` of `XDG_CONFIG_HOME`, else in `~/.config/contree`.
 *
 * The profile is the one named here, else by `CONTREE_PROFILE`, else by `profile` in `[DEFAULT]`, else `default`. Its
 * section `[profile:NAME]` holds `token`, `url`, `type` (`iam` or `jwt`) and `project`, and inherits from `[DEFAULT]`;
 * a profile of type `iam` without a `url` is one of the hosted service.
 *
 * Fails with a `ConfigurationError` when there is no such profile, when it has no token or no URL, and when a file is
 * there but cannot be read; it names the files.
 *
 * @example
 * ```ts
 * import { ContreeConfig } from "effect-contree"
 *
 * export const Work = ContreeConfig.layerProfile("work")
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerProfile = (
  name?: string
): Layer.Layer<ContreeConfig, Errors.ConfigurationError, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(ContreeConfig, Effect.flatMap(fromProfile("ContreeConfig.layerProfile", name), make))
