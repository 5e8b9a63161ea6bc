/** Many runs of one image at once, the first success of a race, and the loser cancelled on the server. */
import { NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect } from "effect"
import { Command, Images } from "effect-contree"

const program = Effect.gen(function*() {
  const busybox = yield* (yield* Images.Images).use("busybox:latest")

  const squares = yield* Effect.forEach(
    [1, 2, 3, 4, 5, 6, 7, 8],
    (n) => Effect.map(busybox.run(Command.shell`expr ${n} \* ${n}`), (run) => Number(run.stdout.text)),
    { concurrency: 4 }
  )
  yield* Console.log(squares.join(" "))

  const winner = yield* Effect.race(
    busybox.run(Command.shell("sleep 60; echo slow"), { check: true }),
    busybox.run(Command.shell("echo fast"), { check: true })
  )
  yield* Console.log(`the first was ${winner.stdout.text.trimEnd()}`)
})

program.pipe(Effect.provide(ContreeLocal.layer()), NodeRuntime.runMain)
