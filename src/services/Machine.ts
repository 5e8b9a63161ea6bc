/**
 * What every handle closes over.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { scrubber } from "../internal/HttpText.js"
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
  /** for spans: a tag or a path may be anything that looks like one, also the token by mistake */
  readonly scrub: (text: string) => string
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
    return { api, config, limits: Limits.of(api, config), scrub: scrubber(Redacted.value(config.token)) }
  }
)
