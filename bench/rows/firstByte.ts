/** From the moment at which the server writes to the one at which a consumer has it. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Command from "effect-contree/Command"
import { createParser } from "eventsource-parser"
import type { Pool } from "undici"
import { imageOf, layers, pool, type Sdk, sdk, spawn } from "../clients.js"
import { now, quantile } from "../Harness.js"
import type { Metric, Row } from "../Harness.js"

/** in milliseconds, of each chunk, whose content is the time of its writing */
type Times = Array<number>

const since = (written: string): number => (now() - Number(written)) / 1e6

const ours = (runtime: Sdk, ticks: number, times: Times): Promise<void> =>
  runtime.runPromise(
    Effect.flatMap(imageOf, (image) =>
      Stream.runForEach(image.stream(Command.exec(`tick ${ticks}`)), ({ text }) =>
        Effect.sync(() =>
          times.push(since(text))
        )))
  )

const raw = async (on: Pool, ticks: number, times: Times): Promise<void> => {
  const id = await spawn(on, `tick ${ticks}`)
  const { body } = await on.request({ method: "GET", path: `/v1/operations/${id}/events?follow=1` })
  const parser = createParser({
    onEvent: ({ data, event }) => {
      if (event === "stdout") times.push(since(JSON.parse(data).data.value))
    }
  })
  const text = new TextDecoder()
  for await (const bytes of body) parser.feed(text.decode(bytes, { stream: true }))
}

export const row: Row = {
  name: "first-byte",
  run: async ({ quick, rounds, server: { url } }) => {
    const ticks = quick ? 100 : 300
    const on = pool(url)
    const runtime = sdk(url, layers["effect-contree"])
    const mine: Times = []
    const theirs: Times = []
    for (let round = -1; round < rounds; round++) {
      const turns = [() => ours(runtime, ticks, mine), () => raw(on, ticks, theirs)]
      for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn()
      if (round === -1) mine.length = theirs.length = 0
    }
    await runtime.dispose()
    await on.close()
    const at = (metric: string, q: number): Metric => ({
      name: "first-byte",
      metric,
      ours: quantile(mine, q),
      peer: { "raw undici": quantile(theirs, q) },
      limit: quantile(theirs, q),
      unit: "ms",
      higher: false
    })
    const half = at("p50", 0.5)
    return [{ ...half, reach: half.limit + 0.3 }, at("p99", 0.99)]
  }
}
