/** Steps that build on each other: each run moves the session to the image it left, and every earlier one stays. */
import { NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect } from "effect"
import { Command, Images } from "effect-contree"

const program = Effect.gen(function*() {
  const busybox = yield* (yield* Images.Images).use("busybox:latest")
  const session = yield* busybox.session({ cwd: "/work", env: { LANG: "C" } })

  yield* session.run(Command.shell("mkdir -p /work"), { cwd: "/" })
  yield* session.run(Command.shell("echo one >> log"))
  yield* session.run(Command.shell("echo two >> log"))
  yield* Console.log((yield* session.exec(Command.exec("cat", ["log"]))).stdout.text.trimEnd())

  yield* session.rollback()
  yield* Console.log(`after a rollback: ${(yield* session.exec(Command.exec("cat", ["log"]))).stdout.text.trimEnd()}`)
  yield* Console.log(`${(yield* session.history).length} images from the root to here`)
})

program.pipe(Effect.provide(ContreeLocal.layer()), NodeRuntime.runMain)
