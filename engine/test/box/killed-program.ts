/** A program that is killed: it starts boxes on the store that it is given, says so, and waits for its end. */
import { Effect } from "effect"
import { make } from "../../src/box/Box.js"
import { specIn } from "./BoxFixture.js"

const store = process.argv[2] ?? ""
const boxes = Number(process.argv[3])

const program = Effect.gen(function*() {
  const launcher = yield* make({ store })
  process.stdout.write("ready\n")
  yield* Effect.forEach(
    Array.from({ length: boxes }),
    () =>
      launcher.run(
        specIn(store, { command: "setsid sleep 1000 & sleep 1000 & echo on; sleep 1000", shell: true, stdin: "open" }),
        {
          onSpawn: () => Effect.void,
          onOutput: () => Effect.sync(() => process.stdout.write("on\n"))
        }
      ),
    { concurrency: "unbounded" }
  )
})

void Effect.runPromise(Effect.scoped(program))
