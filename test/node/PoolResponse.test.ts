import { HttpClientRequest } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Pull from "../../src/internal/Pull.js"
import { Exchange } from "../../src/node/internal/Exchange.js"
import { PoolResponse } from "../../src/node/internal/PoolResponse.js"
import { controller } from "../support/controller.js"
import { atEachStep, isOver } from "../support/pausedAt.js"

const answer = () => {
  const exchange = new Exchange({ onHead: () => {}, onFailure: () => {}, onFinish: () => {} })
  const response = new PoolResponse(HttpClientRequest.get("http://nowhere/"), { status: 200, headers: {} }, exchange)
  return { exchange, response }
}

type Answer = ReturnType<typeof answer>

const text = ({ response }: Answer): Effect.Effect<unknown> => Effect.exit(response.text)
const piece = ({ response }: Answer): Effect.Effect<unknown> =>
  Effect.scoped(Effect.flatMap(Pull.fromStream(response.stream), (pull) => Effect.exit(pull)))

describe("a reader that pauses just before it waits", () => {
  it.each(
    [
      ["the end, who wants the whole", text, ({ exchange }: Answer) => exchange.onResponseEnd()],
      ["the end, who wants what comes", piece, ({ exchange }: Answer) => exchange.onResponseEnd()],
      ["a break", text, ({ exchange }: Answer) => exchange.onResponseError(controller(), new Error("broken"))],
      ["a piece", piece, ({ exchange }: Answer) => exchange.onResponseData(controller(), new Uint8Array(3))]
    ] as const
  )("hears of %s", (_, read, comes) => {
    const outcomes = atEachStep(() => {
      const opened = answer()
      return { run: read(opened), event: () => comes(opened), then: isOver }
    })
    expect(outcomes).not.toContain(false)
  })
})
