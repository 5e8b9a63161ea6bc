/** From the interruption of a run to the moment at which the server knows. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Command from "effect-contree/Command"
import type { Pool } from "undici"
import { imageOf, layers, type Plain, plain, pool, type Sdk, sdk, spawn } from "../clients.js"
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

/** no SDK, but an Effect stream whose interruption sends the DELETE: what of ours is Effect's */
const bare = async (runtime: Plain, on: Pool, server: Server): Promise<number> => {
  const url = `${server.url}/v1/operations/${await spawn(on, "hang")}`
  let began: () => void = () => {}
  const begun = new Promise<void>((resolve) => {
    began = resolve
  })
  const fiber = runtime.runFork(
    Effect.flatMap(
      HttpClient.HttpClient,
      (client) =>
        Effect.flatMap(client.get(`${url}/events?follow=1`), ({ stream }) =>
          Effect.onInterrupt(
            Stream.runForEach(stream, () => Effect.sync(began)),
            () => Effect.ignore(Effect.flatMap(client.del(url), ({ text }) => text))
          ))
    )
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
    const count = quick ? 100 : 500
    // of the first, connections are made and code is compiled
    const uncounted = quick ? 10 : 20
    const on = pool(server.url)
    const runtime = sdk(server.url, layers["effect-contree"])
    const effect = plain()
    const contestants = {
      ours: () => ours(runtime, server),
      raw: () => raw(on, server),
      bare: () => bare(effect, on, server)
    }
    const names = ["ours", "raw", "bare"] as const
    const times = { ours: [] as Array<number>, raw: [] as Array<number>, bare: [] as Array<number> }
    for (let n = 0; n < count + uncounted; n++) {
      for (let turn = 0; turn < names.length; turn++) {
        // in turns, and each first as often as the others
        const who = names[(n + turn) % names.length]!
        const time = await contestants[who]()
        if (n >= uncounted) times[who].push(time)
      }
    }
    await runtime.dispose()
    await effect.dispose()
    await on.close()
    const at = (metric: string, q: number): Metric => ({
      name: "cancel",
      metric: `interruption to DELETE, ${metric}`,
      ours: quantile(times.ours, q),
      peer: { "raw undici": quantile(times.raw, q), "an Effect stream": quantile(times.bare, q) },
      limit: quantile(times.raw, q),
      unit: "ms",
      higher: false
    })
    return [at("p50", 0.5), { ...at("p99", 0.99), reach: 5 }]
  }
}
