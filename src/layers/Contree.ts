/**
 * The whole SDK as one layer: `ContreeApi`, `Images`, `Files` and `Operations`, on an `HttpClient` of your choice.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Path from "@effect/platform/Path"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RunGate from "../internal/RunGate.js"
import type * as Errors from "../schemas/Errors.js"
import * as ContreeApi from "../services/ContreeApi.js"
import * as Diagnosis from "../services/Diagnosis.js"
import type { Behaviour, Options, Values } from "../services/ContreeConfig.js"
import * as ContreeHttp from "../services/ContreeHttp.js"
import * as Files from "../services/Files.js"
import * as Images from "../services/Images.js"
import * as Operations from "../services/Operations.js"
import * as ContreeConfig from "./ContreeConfig.js"

/**
 * What the layers provide.
 *
 * @since 0.1.0
 * @category models
 */
export type Contree = ContreeApi.ContreeApi | Images.Images | Files.Files | Operations.Operations

/** What still runs when the layer closes is cancelled then, also what was begun in a scope that lasts longer. */
const closing: Layer.Layer<never, never, ContreeApi.ContreeApi> = Layer.scopedDiscard(
  Effect.flatMap(ContreeApi.ContreeApi, (api) => Effect.addFinalizer(() => RunGate.rootOf(api).close))
)

/**
 * On a `ContreeConfig` of your own. When the layer closes, the runs that were begun on it and still go on are cancelled,
 * all at once and within about ten seconds, unless they were detached; its handles begin no more.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Contree, ContreeConfig } from "effect-contree"
 * import { Layer } from "effect"
 *
 * export const Live = Contree.layerWithoutConfig.pipe(
 *   Layer.provide(ContreeConfig.layerEnv),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWithoutConfig: Layer.Layer<Contree, never, ContreeConfig.ContreeConfig | HttpClient.HttpClient> =
  Layer.mergeAll(
    Layer.effect(Images.Images, Images.make),
    Layer.effect(Files.Files, Files.make),
    Layer.effect(Operations.Operations, Operations.make),
    closing
  ).pipe(
    Layer.provideMerge(Layer.effect(ContreeApi.ContreeApi, ContreeApi.make)),
    Layer.provide(Layer.effect(ContreeHttp.ContreeHttp, ContreeHttp.make))
  )

/**
 * From values; fails as `ContreeConfig.layer` does.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Contree } from "effect-contree"
 * import { Layer, Redacted } from "effect"
 *
 * export const Live = Contree.layer({ token: Redacted.make("..."), baseUrl: "http://127.0.0.1:8080" }).pipe(
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Contree, Errors.ConfigurationError, HttpClient.HttpClient> =>
  Layer.provide(layerWithoutConfig, ContreeConfig.layer(options))

/**
 * From a `Config` of each value; fails as `ContreeConfig.layerConfig` does.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Contree } from "effect-contree"
 * import { Config, Layer } from "effect"
 *
 * export const Live = Contree.layerConfig({ token: Config.redacted("MY_TOKEN"), project: Config.string("MY_PROJECT") })
 *   .pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  values: Config.Config.Wrap<Values>,
  behaviour?: Behaviour
): Layer.Layer<Contree, ConfigError.ConfigError | Errors.ConfigurationError, HttpClient.HttpClient> =>
  Layer.provide(layerWithoutConfig, ContreeConfig.layerConfig(values, behaviour))

/**
 * From the environment: a token in `CONTREE_TOKEN`, the base URL in `CONTREE_URL`, and the other names of
 * `ContreeConfig.layerEnv`, which it fails as.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Contree } from "effect-contree"
 * import { Layer } from "effect"
 *
 * export const Live = Contree.layerEnv.pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEnv: Layer.Layer<Contree, Errors.ConfigurationError, HttpClient.HttpClient> = Layer.provide(
  layerWithoutConfig,
  ContreeConfig.layerEnv
)

/**
 * From a profile of the command line tools; fails as `ContreeConfig.layerProfile` does.
 *
 * @example
 * ```ts
 * import { NodeContext, NodeHttpClient } from "@effect/platform-node"
 * import { Contree } from "effect-contree"
 * import { Layer } from "effect"
 *
 * export const Live = Contree.layerProfile("work").pipe(
 *   Layer.provide(NodeHttpClient.layer),
 *   Layer.provide(NodeContext.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerProfile = (
  name?: string
): Layer.Layer<Contree, Errors.ConfigurationError, HttpClient.HttpClient | FileSystem.FileSystem | Path.Path> =>
  Layer.provide(layerWithoutConfig, ContreeConfig.layerProfile(name))

/**
 * Who am I, what may I do, and what is in the way? It asks the service, and never fails for what it is there to explain:
 * a token that is not accepted, a project that is missing, permissions that are, a base URL that leads elsewhere, a
 * network that leads nowhere, each with what to do about it. `Diagnosis.format`, or `String` of it, is for a person.
 *
 * What the layer itself fails with, a `ConfigurationError`, says on its own which places it looked at. With a
 * `ContreeConfig` in the context too, the answer names the base URL and the project.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Contree, Diagnosis } from "effect-contree"
 * import { Console, Effect, Layer } from "effect"
 *
 * export const program = Effect.flatMap(Contree.diagnose, (found) => Console.log(Diagnosis.format(found))).pipe(
 *   Effect.provide(Contree.layerEnv.pipe(Layer.provide(FetchHttpClient.layer)))
 * )
 * ```
 *
 * @since 0.1.0
 * @category diagnostics
 */
export const diagnose: Effect.Effect<Diagnosis.Diagnosis, never, ContreeApi.ContreeApi> = Diagnosis.diagnose
