/**
 * How many runs, imports and uploads go on at once over one connection to a service.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Errors from "../schemas/Errors.js"
import type * as ContreeApi from "./ContreeApi.js"
import type * as ContreeConfig from "./ContreeConfig.js"

type Kind = keyof ContreeConfig.Service["concurrency"]

/** @internal */
export interface Limits {
  readonly runs: Effect.Effect<Effect.Semaphore, Errors.RequestError>
  readonly imports: Effect.Effect<Effect.Semaphore, Errors.RequestError>
  readonly uploads: Effect.Effect<Effect.Semaphore, Errors.RequestError>
}

/** where the server keeps its limits (for uploads it has none), and what holds where it names none */
const onServer: { readonly [K in Kind]: { readonly key: string | undefined; readonly fallback: number } } = {
  runs: { key: "instance_max_concurrency", fallback: 50 },
  imports: { key: "images_import_max_concurrency", fallback: 8 },
  uploads: { key: undefined, fallback: 4 }
}

const make = (api: ContreeApi.Service, config: ContreeConfig.Service): Limits => {
  const lock = Effect.unsafeMakeSemaphore(1)
  let limits: Readonly<Record<string, number>> | undefined
  // only an answer is remembered: the next run asks again after a failure
  const serverLimits = lock.withPermits(1)(Effect.suspend(() =>
    limits !== undefined
      ? Effect.succeed(limits)
      : Effect.map(api.whoami, (me) => limits = me.limits ?? {})
  ))
  const limit = (kind: Kind): Effect.Effect<Effect.Semaphore, Errors.RequestError> => {
    const { fallback, key } = onServer[kind]
    const configured = config.concurrency[kind]
    if (configured !== "server") return Effect.succeed(Effect.unsafeMakeSemaphore(configured))
    if (key === undefined) return Effect.succeed(Effect.unsafeMakeSemaphore(fallback))
    let semaphore: Effect.Semaphore | undefined
    return Effect.suspend(() =>
      semaphore !== undefined ? Effect.succeed(semaphore) : Effect.map(serverLimits, (found) => {
        const value = found[key]
        const permits = value !== undefined && value >= 1 ? Math.floor(value) : fallback
        return semaphore ??= Effect.unsafeMakeSemaphore(permits)
      })
    )
  }
  return { runs: limit("runs"), imports: limit("imports"), uploads: limit("uploads") }
}

const made = new WeakMap<ContreeApi.Service, Limits>()

/**
 * The limits of a connection: `Images`, `Files` and `Operations` that were made over the same one share them.
 *
 * @internal
 */
export const of = (api: ContreeApi.Service, config: ContreeConfig.Service): Limits => {
  const found = made.get(api)
  if (found !== undefined) return found
  const limits = make(api, config)
  made.set(api, limits)
  return limits
}
