/** What a stream costs that is open and says nothing: 2,000 of them, each client in a process of its own. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { OperationId } from "effect-contree/Ids"
import * as Operations from "effect-contree/Operations"
import type { Pool } from "undici"
import { layers, plain, pool, sdk, spawn, withBody } from "../clients.js"
import { alone, collectGarbage } from "../Harness.js"
import type { Metric, Row } from "../Harness.js"

const countOf = (quick: boolean): number => quick ? 500 : 2000

/** Each opens one; `arrived` is to be called when its first bytes are there. */
type Open = (on: Pool, id: OperationId, arrived: () => void) => void

const pathOf = (id: string): string => `/v1/operations/${id}/events?follow=1`

const raw: Open = (on, id, arrived) => {
  void on.request({ method: "GET", path: pathOf(id) }).then(({ body }) => {
    body.on("error", () => {})
    body.on("data", () => arrived())
  })
}

/** no SDK, but an Effect stream: what of ours is Effect's */
const bare = (url: string): Open => {
  const runtime = plain()
  return (_, id, arrived) =>
    void runtime.runFork(
      withBody(`${url}${pathOf(id)}`, (body) => Stream.runForEach(body, () => Effect.sync(arrived)))
    )
}

const ours = (url: string): Open => {
  const runtime = sdk(url, layers["effect-contree"])
  return (_, id, arrived) =>
    void runtime.runFork(
      Effect.flatMap(Operations.Operations, (operations) =>
        Stream.runForEach(operations.events(id, { follow: true }), () => Effect.sync(arrived)))
    )
}

const openers: Readonly<Record<string, (url: string) => Open>> = {
  "effect-contree": ours,
  "an Effect stream": bare,
  "raw undici": () => raw
}

/** in kB for each of them: of the heap, or of the whole process */
export const measureAlone = async (what: string, url: string, quick: boolean): Promise<number> => {
  const [who = "", which = "heap"] = what.split("/")
  const on = pool(url)
  const open = openers[who]!(url)
  const one = async (): Promise<void> => {
    const id = await spawn(on, "hang")
    await new Promise<void>((resolve) => open(on, id, resolve))
  }
  for (let n = 0; n < 20; n++) await one()
  const size = (): number => {
    collectGarbage()
    const { heapUsed, rss } = process.memoryUsage()
    return which === "heap" ? heapUsed : rss
  }
  const before = size()
  const count = countOf(quick)
  for (let n = 0; n < count; n++) await one()
  return (size() - before) / count / 1000
}

export const row: Row = {
  name: "streams",
  run: async (settings) => {
    const metrics: Array<Metric> = []
    for (const which of ["heap", "rss"]) {
      const values: Record<string, number> = {}
      for (const who of Object.keys(openers)) values[who] = await alone("streams", `${who}/${which}`, settings)
      const { "effect-contree": mine = Number.NaN, ...peer } = values
      const limit = peer["raw undici"] ?? Number.NaN
      metrics.push({
        name: "streams",
        metric: `${which} of one that is open and idle, among ${countOf(settings.quick).toLocaleString("en-US")}`,
        ours: mine,
        peer,
        limit,
        unit: "kB",
        higher: false,
        reach: 5 * limit
      })
    }
    return metrics
  }
}
