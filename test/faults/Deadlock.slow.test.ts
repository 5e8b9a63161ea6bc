import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Command, Images } from "effect-contree"
import type { Process } from "effect-contree"
import { consume, type Name } from "../support/consumers.js"
import { engineLayer } from "../support/engine.js"

layer(engineLayer(), { excludeTestServices: true, timeout: "5 minutes" })("on the engine", (it) => {
  const size = 10 * 1024 * 1024
  const both = Command.shell`head -c ${size} /dev/zero | tr '\0' o; head -c ${size} /dev/zero | tr '\0' e >&2`
  const started = (use: (process: Process.Process) => Effect.Effect<void>, truncateOutputAt?: number) =>
    Effect.gen(function*() {
      const image = yield* (yield* Images.Images).use("busybox:latest")
      yield* use(yield* image.start(both, { stdin: "", truncateOutputAt }))
    }).pipe(Effect.scoped)

  it.effect.each<readonly [ReadonlyArray<Name>]>([[["stdout"]], [["stderr", "exit"]], [[
    "output",
    "stdout",
    "events",
    "exit"
  ]]])(
    "10 MiB on both streams, of which %j are read",
    ([chosen]) =>
      started((process) =>
        Effect.map(consume(process, chosen), ({ events, ...seen }) => {
          const all = { stdout: size, stderr: size, output: 2 * size, exit: 0 }
          expect(seen).toEqual(Object.fromEntries(Object.entries(all).filter(([name]) => name in seen)))
          if (chosen.includes("events")) expect(events).toBeGreaterThan(2)
        }), size)
  )

  it.effect("more than is kept, of which one is read, or nothing but the end", () =>
    Effect.gen(function*() {
      yield* started((process) =>
        Effect.map(consume(process, ["stderr", "exit"]), (seen) =>
          expect(seen).toEqual({ stderr: "OutputTruncatedError", exit: 0 }))
      )
      yield* started((process) =>
        Effect.map(consume(process, ["exit"]), (seen) => expect(seen).toEqual({ exit: 0 }))
      )
    }))
})
