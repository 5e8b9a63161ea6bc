/**
 * What every handle closes over.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Gate } from "../internal/RunGate.js"
import * as ContreeApi from "./ContreeApi.js"
import * as ContreeConfig from "./ContreeConfig.js"
import * as Limits from "./Limits.js"

/**
 * @internal
 */
export interface Machine {
  readonly api: ContreeApi.Service
  readonly config: ContreeConfig.Service
  readonly limits: Limits.Limits
}

/**
 * @internal
 */
export interface Gated extends Machine {
  readonly gate: Gate
}

/**
 * @internal
 */
export const make: Effect.Effect<Machine, never, ContreeApi.ContreeApi | ContreeConfig.ContreeConfig> = Effect.gen(
  function*() {
    const api = yield* ContreeApi.ContreeApi
    const config = yield* ContreeConfig.ContreeConfig
    return { api, config, limits: Limits.of(api, config) }
  }
)
