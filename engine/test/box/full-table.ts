/** A program that fills its own table of descriptors, then asks for boxes and tools with a few descriptors left. */
import { Effect, Either } from "effect"
import * as Fs from "node:fs"
import * as Box from "../../src/box/Box.js"
import * as HostCommand from "../../src/store/HostCommand.js"
import { makeStore, specIn } from "./BoxFixture.js"

const fill = (): Array<number> => {
  const taken: Array<number> = []
  for (;;) {
    try {
      taken.push(Fs.openSync("/dev/null", "r"))
    } catch {
      return taken
    }
  }
}

const outcome = (free: number, store: string, launcher: Box.Launcher) =>
  Effect.gen(function*() {
    const spec = specIn(store, {})
    const quiet = { onSpawn: () => Effect.void, onOutput: () => Effect.void }
    const taken = fill()
    for (const fd of taken.splice(0, free)) Fs.closeSync(fd)
    const tool = yield* Effect.either(HostCommand.run(["true"], { cwd: "/" }))
    const run = yield* Effect.either(launcher.run(spec, quiet))
    for (const fd of taken) Fs.closeSync(fd)
    return {
      tool: Either.isRight(tool) ? "ran" : tool.left.reason,
      run: Either.isRight(run) ? "ran" : run.left.message
    }
  })

const program = Effect.scoped(Effect.gen(function*() {
  const store = yield* makeStore
  const launcher = yield* Box.make({ store })
  const outcomes = []
  for (const free of [0, 1, 2, 3, 4, 5, 6, 8, 11, 40]) outcomes.push(yield* outcome(free, store, launcher))
  return outcomes
}))

process.stdout.write(JSON.stringify(await Effect.runPromise(program)))
