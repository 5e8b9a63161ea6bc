/** Events from the socket to a consumer who knows their types. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ContreeApi from "effect-contree/ContreeApi"
import * as Command from "effect-contree/Command"
import { createParser } from "eventsource-parser"
import type { Pool } from "undici"
import { imageOf, layers, plain, pool, type Sdk, sdk, spawn, withBody } from "../clients.js"
import { compared, contest, perSecond } from "../Harness.js"
import type { Row } from "../Harness.js"

const pathOf = (id: string): string => `/v1/operations/${id}/events?follow=1`

const expect = (found: number, wanted: number): void => {
  if (found !== wanted) throw new Error(`${found} events, and not ${wanted}`)
}

const counted = async (runtime: Sdk, on: Pool, lines: number): Promise<void> => {
  const id = await spawn(on, `print ${lines}`)
  const found = await runtime.runPromise(
    Effect.flatMap(
      ContreeApi.ContreeApi,
      (api) => Stream.runFold(api.operationEvents(id, { follow: true }), 0, (sum) => sum + 1)
    )
  )
  expect(found, lines + 4)
}

/** what a program does with them: the bytes of a followed run, with all that a broken connection would need */
const printed = async (runtime: Sdk, lines: number): Promise<void> => {
  const found = await runtime.runPromise(
    Effect.flatMap(
      imageOf,
      (image) => Stream.runFold(image.stream(Command.exec(`print ${lines}`)), 0, (sum, { bytes }) => sum + bytes.length)
    )
  )
  expect(found, lines * 80)
}

/** no SDK, and nothing checked, but an Effect stream: what of ours is Effect's */
const bare = (url: string) => {
  const runtime = plain()
  return async (on: Pool, lines: number): Promise<void> => {
    const id = await spawn(on, `print ${lines}`)
    const events: Array<unknown> = []
    const parser = createParser({ onEvent: ({ data }) => void events.push(JSON.parse(data)) })
    const text = new TextDecoder()
    const parse = (chunk: Chunk.Chunk<Uint8Array>): Chunk.Chunk<unknown> => {
      for (const bytes of chunk) parser.feed(text.decode(bytes, { stream: true }))
      return Chunk.unsafeFromArray(events.splice(0))
    }
    const found = await runtime.runPromise(
      withBody(`${url}${pathOf(id)}`, (body) => Stream.runFold(Stream.mapChunks(body, parse), 0, (sum) => sum + 1))
    )
    expect(found, lines + 4)
  }
}

const raw = async (on: Pool, lines: number): Promise<void> => {
  const id = await spawn(on, `print ${lines}`)
  const { body } = await on.request({ method: "GET", path: pathOf(id) })
  let found = 0
  const parser = createParser({
    onEvent: ({ data }) => {
      if (typeof JSON.parse(data).id === "number") found++
    }
  })
  const text = new TextDecoder()
  for await (const bytes of body) parser.feed(text.decode(bytes, { stream: true }))
  expect(found, lines + 4)
}

export const row: Row = {
  name: "events",
  run: async ({ quick, rounds, server: { url } }) => {
    const lines = quick ? 10_000 : 50_000
    const on = pool(url)
    const runtime = sdk(url, layers["effect-contree"])
    const effect = bare(url)
    const contestants: Record<string, () => Promise<number>> = {
      "effect-contree": () => perSecond(lines, () => counted(runtime, on, lines)),
      "image.stream": () => perSecond(lines, () => printed(runtime, lines)),
      ...(quick ? {} : { "an Effect stream": () => perSecond(lines, () => effect(on, lines)) }),
      "eventsource-parser + JSON.parse": () => perSecond(lines, () => raw(on, lines))
    }
    const stats = await contest(contestants, rounds)
    await runtime.dispose()
    await on.close()
    return [compared(stats, {
      name: "events",
      metric: "of 80 B, validated",
      unit: "events/s",
      higher: true,
      ours: "effect-contree",
      limit: "eventsource-parser + JSON.parse",
      reach: (limit) => 0.8 * limit
    })]
  }
}
