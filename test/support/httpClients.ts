/** The clients a program may bring, and the SDK's API on each. */
import { FetchHttpClient } from "@effect/platform"
import type { HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { Context, Effect, Layer, Redacted } from "effect"
import type { Scope } from "effect"
import * as ContreeApi from "effect-contree/ContreeApi"
import * as ContreeConfig from "effect-contree/ContreeConfig"
import * as ContreeHttp from "effect-contree/ContreeHttp"
import { UndiciClient } from "effect-contree/node"

export const token = "tok/en+Secret==0123456789"

export const clients: ReadonlyArray<readonly [string, Layer.Layer<HttpClient.HttpClient>]> = [
  ["fetch", FetchHttpClient.layer],
  ["node", NodeHttpClient.layer],
  ["undici", NodeHttpClient.layerUndici],
  ["effect-contree/node", UndiciClient.layer]
]

/** the API on a client, for as long as the scope lives */
export const apiOn = (
  client: Layer.Layer<HttpClient.HttpClient>,
  baseUrl: string,
  options: Partial<ContreeConfig.Options> = {}
): Effect.Effect<ContreeApi.Service, never, Scope.Scope> => {
  const config = ContreeConfig.layer({ token: Redacted.make(token), baseUrl, ...options })
  const layer = Layer.effect(ContreeApi.ContreeApi, ContreeApi.make).pipe(
    Layer.provide(Layer.effect(ContreeHttp.ContreeHttp, ContreeHttp.make)),
    Layer.provide(config),
    Layer.provide(client)
  )
  return Effect.map(Layer.build(Layer.orDie(layer)), Context.get(ContreeApi.ContreeApi))
}
