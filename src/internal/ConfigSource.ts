/** Settings from the environment, through whatever `ConfigProvider` is in place. Protocol: section 1.4. */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { ConfigurationError } from "../schemas/Errors.js"
import { failure, present } from "./ConfigValues.js"

/** the first of these that is set and not blank */
export const first = (
  method: string,
  names: ReadonlyArray<string>
): Effect.Effect<string | undefined, ConfigurationError> =>
  Effect.gen(function*() {
    for (const name of names) {
      const value = yield* Effect.catchAll(Config.option(Config.string(name)), (error) =>
        // The text of a provider's error may quote the value.
        Effect.fail(
          failure(method, `${name} cannot be read (${ConfigError.isConfigError(error) ? error._op : "?"})`, names)
        ))
      const given = present(Option.getOrUndefined(value))
      if (given !== undefined) return given
    }
    return undefined
  })

/** variables, the newest name first */
export const names = {
  token: ["CONTREE_TOKEN", "NEBIUS_API_KEY"],
  url: ["CONTREE_URL", "CONTREE_BASE_URL"],
  project: ["CONTREE_PROJECT", "NEBIUS_AI_PROJECT", "NEBIUS_PROJECT_ID"]
} as const

export interface Found {
  readonly token: Redacted.Redacted<string>
  readonly baseUrl: string
  readonly project: string | undefined
}

export const fromEnvironment = (
  method: string,
  hostedUrl: string
): Effect.Effect<Found, ConfigurationError> =>
  Effect.gen(function*() {
    const token = yield* first(method, names.token)
    const baseUrl = yield* first(method, names.url)
    const project = yield* first(method, names.project)
    if (token === undefined && baseUrl === undefined) {
      return yield* Effect.fail(failure(method, "neither a token nor a URL is set", [...names.token, ...names.url]))
    }
    if (token === undefined) {
      return yield* Effect.fail(failure(method, "a URL is set, but no token", names.token))
    }
    if (baseUrl === undefined) {
      const what = `a token is set, but no URL, and a token goes nowhere by guess; the hosted service is ${hostedUrl}`
      return yield* Effect.fail(failure(method, what, names.url))
    }
    return { token: Redacted.make(token), baseUrl, project }
  })
