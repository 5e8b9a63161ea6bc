/**
 * The embedded engine: ConTree on one Linux machine, for development, tests and CI. It is not a boundary for hostile
 * code: commands share the kernel with the host.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Contree from "effect-contree/Contree"
import { UndiciClient } from "effect-contree/node"
import { EngineError } from "./EngineError.js"
import type { Address } from "./server/Server.js"
import * as Start from "./server/Start.js"

export {
  /**
   * Why the engine could not start.
   *
   * @since 0.1.0
   * @category errors
   */
  EngineError
} from "./EngineError.js"

/**
 * How the engine is set up: every field has a default.
 *
 * @since 0.1.0
 * @category models
 */
export type Options = Start.Options

/**
 * Where a started engine listens: `url` without `/v1`, and the `token` that it was given, for clients of any language.
 *
 * @since 0.1.0
 * @category tags
 */
export class Server extends Context.Tag("contree-local/Server")<Server, Address>() {}

/**
 * Starts the engine in the layer's scope and hands out where it listens. When the scope closes, runs are stopped,
 * connections cut, and no process, mount or socket of it is left.
 *
 * Fails with `EngineError`: the platform is not Linux, a tool is missing, something is not permitted, the store cannot be
 * used, or no port can be had. Its description says what to do.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ContreeLocal } from "contree-local"
 *
 * const program = Effect.map(ContreeLocal.Server, ({ url }) => `listening on ${url}`)
 *
 * export const run = program.pipe(Effect.provide(ContreeLocal.layerServer({ network: "none" })))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerServer = (options: Options = {}): Layer.Layer<Server, EngineError> =>
  Layer.scoped(Server, Start.start(options))

/**
 * The SDK's services on an engine of their own, which lives as long as the layer. Nothing is required: change this line
 * for `Contree.layer*` and the same program runs on the hosted service.
 *
 * Fails with `EngineError`, like `layerServer`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Command, Images } from "effect-contree"
 * import { ContreeLocal } from "contree-local"
 *
 * const program = Effect.gen(function*() {
 *   const images = yield* Images.Images
 *   const busybox = yield* images.use("busybox:latest")
 *   return (yield* busybox.run(Command.exec("echo", ["hello"]))).stdout.text
 * })
 *
 * export const run = program.pipe(Effect.provide(ContreeLocal.layer()))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Contree.Contree, EngineError> =>
  Layer.unwrapScoped(Effect.map(Start.start(options), (address) => services(address, options)))

const services = (address: Address, options: Options): Layer.Layer<Contree.Contree, EngineError> =>
  Contree.layer({
    token: address.token,
    baseUrl: address.url,
    concurrency: { runs: options.concurrency ?? Start.defaults.concurrency }
  }).pipe(
    // the client's connections outlive the services: what they cancel on their way down still arrives
    Layer.provide(UndiciClient.layer),
    Layer.mapError((error) =>
      new EngineError({ reason: "ListenFailed", description: `the engine's own address was refused: ${error.message}` })
    )
  )
