/** Runs, cancellations, transfers and broken connections, for a long time: does the heap grow? */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Command from "effect-contree/Command"
import * as ContreeApi from "effect-contree/ContreeApi"
import * as Ids from "effect-contree/Ids"
import { imageOf, layers, sdk } from "../clients.js"
import { collectGarbage } from "../Harness.js"
import type { Row } from "../Harness.js"
import { image as imageId } from "../serverBodies.js"

const id = Ids.ImageId.make(imageId)

const mixed = Effect.gen(function*() {
  const image = yield* imageOf
  const api = yield* ContreeApi.ContreeApi
  const printed = Effect.flatMap(
    image.run(Command.exec("break")),
    ({ stdout: { text } }) =>
      text === "one\ntwo\n" ? Effect.void : Effect.dieMessage(`a broken connection lost something: ${text}`)
  )
  const cancelled = Stream.runDrain(Stream.take(image.stream(Command.exec("hang")), 1))
  const downloaded = Stream.runDrain(api.downloadFile(id, "/1000000"))
  yield* Effect.all([image.run(Command.exec("true")), printed, cancelled, downloaded], { concurrency: "unbounded" })
})

/** kB a second: the slope of the line through the samples */
const slopeOf = (samples: ReadonlyArray<readonly [number, number]>): number => {
  const mean = (at: 0 | 1): number => samples.reduce((sum, sample) => sum + sample[at], 0) / samples.length
  const [x, y] = [mean(0), mean(1)]
  const up = samples.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0)
  return up / samples.reduce((sum, [a]) => sum + (a - x) ** 2, 0)
}

export const row: Row = {
  name: "soak",
  run: async ({ quick, server: { url } }) => {
    const seconds = quick ? 20 : 600
    const runtime = sdk(url, layers["effect-contree"])
    const samples: Array<readonly [number, number]> = []
    const started = performance.now()
    const elapsed = (): number => (performance.now() - started) / 1000
    let turns = 0
    while (elapsed() < seconds) {
      const until = elapsed() + seconds / 40
      while (elapsed() < until) {
        turns += 8
        await runtime.runPromise(Effect.all(Array.from({ length: 8 }, () => mixed), { concurrency: 8, discard: true }))
      }
      collectGarbage()
      samples.push([elapsed(), process.memoryUsage().heapUsed / 1000])
    }
    await runtime.dispose()
    // In the first quarter code is compiled and caches fill.
    const counted = samples.slice(Math.floor(samples.length / 4))
    return [{
      name: "soak",
      metric: `growth of the heap over ${seconds} s, ${turns} turns of four`,
      ours: slopeOf(counted),
      peer: {},
      limit: 0,
      unit: "kB/s",
      higher: false,
      reach: quick ? 50 : 1
    }]
  }
}
