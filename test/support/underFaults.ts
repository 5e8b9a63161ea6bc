/** Programs on the embedded engine, with a script of faults in between. */
import type { HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { ContreeLocal, FaultProxy } from "contree-local"
import { Effect, Layer } from "effect"
import { Contree, Images, Operations } from "effect-contree"
import type { ContreeConfig } from "effect-contree"
import { eventually } from "./engine.js"

export type Rules = FaultProxy.Script["rules"]

export interface Options extends Partial<ContreeConfig.Options> {
  /** default: undici's */
  readonly client?: Layer.Layer<HttpClient.HttpClient>
}

export const under = <A, E, R>(
  rules: Rules,
  program: (proxy: FaultProxy.Proxy) => Effect.Effect<A, E, R>,
  { client = NodeHttpClient.layerUndici, ...options }: Options = {}
) =>
  Effect.gen(function*() {
    const { token, url: target } = yield* ContreeLocal.Server
    const proxy = yield* FaultProxy.make({ target, script: { rules } })
    const services = Contree.layer({ token, baseUrl: proxy.url, ...options }).pipe(Layer.provide(client))
    return yield* Effect.provide(program(proxy), services)
  }).pipe(Effect.scoped)

/** the statuses of all operations, as the engine itself says with nothing in between, the newest first */
export const statuses = under(
  [],
  () =>
    Effect.flatMap(
      Operations.Operations,
      (operations) => Effect.map(operations.list({ number: "all" }), (all) => all.map(({ status }) => status))
    )
)

const going: ReadonlyArray<string> = ["Pending", "Assigned", "Executing"]

/** the same, once nothing goes on any more */
export const settled = (count: number) =>
  eventually(statuses, (all) => all.length === count && !all.some((s) => going.includes(s)))

export const busybox = Effect.flatMap(Images.Images, (images) => images.use("busybox:latest"))
