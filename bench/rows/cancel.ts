/** From the interruption of a run to the moment at which the server knows. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Command from "effect-contree/Command"
import type { Pool } from "undici"
import { imageOf, layers, pool, type Sdk, sdk, spawn } from "../clients.js"
import { now, quantile } from "../Harness.js"
import type { Metric, Row, Server } from "../Harness.js"

const seen = async (server: Server, from: number): Promise<number> => {
  const at = Number(await server.ask("cancelled"))
  if (at < from) throw new Error("the server saw no DELETE")
  return (at - from) / 1e6
}

const ours = async (runtime: Sdk, server: Server): Promise<number> => {
  let began: () => void = () => {}
  const begun = new Promise<void>((resolve) => {
    began = resolve
  })
  const fiber = runtime.runFork(
    Effect.flatMap(imageOf, (image) => Stream.runForEach(image.stream(Command.exec("hang")), () => Effect.sync(began)))
  )
  await begun
  const from = now()
  await runtime.runPromise(Fiber.interrupt(fiber))
  return seen(server, from)
}

const raw = async (on: Pool, server: Server): Promise<number> => {
  const id = await spawn(on, "hang")
  const abort = new AbortController()
  const path = `/v1/operations/${id}`
  const { body } = await on.request({ method: "GET", path: `${path}/events?follow=1`, signal: abort.signal })
  body.on("error", () => {})
  await new Promise((resolve) => body.once("data", resolve))
  const from = now()
  abort.abort()
  await (await on.request({ method: "DELETE", path })).body.dump()
  return seen(server, from)
}

export const row: Row = {
  name: "cancel",
  run: async ({ quick, server }) => {
    const count = quick ? 120 : 500
    const on = pool(server.url)
    const runtime = sdk(server.url, layers["effect-contree"])
    const times = { ours: [] as Array<number>, raw: [] as Array<number> }
    for (let n = -20; n < count; n++) {
      // in turns, and each first as often as the other
      for (const who of n % 2 === 0 ? ["ours", "raw"] as const : ["raw", "ours"] as const) {
        const time = await (who === "ours" ? ours(runtime, server) : raw(on, server))
        if (n >= 0) times[who].push(time)
      }
    }
    await runtime.dispose()
    await on.close()
    const at = (metric: string, q: number): Metric => ({
      name: "cancel",
      metric: `interruption to DELETE, ${metric}`,
      ours: quantile(times.ours, q),
      peer: { "raw undici": quantile(times.raw, q) },
      limit: quantile(times.raw, q),
      unit: "ms",
      higher: false
    })
    return [at("p50", 0.5), { ...at("p99", 0.99), reach: 5 }]
  }
}
