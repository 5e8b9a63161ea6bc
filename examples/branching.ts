/** Branches of a session: try two ways from one point, keep the one that worked. */
import { NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect } from "effect"
import { Command, Images } from "effect-contree"

const program = Effect.gen(function*() {
  const busybox = yield* (yield* Images.Images).use("busybox:latest")
  const session = yield* busybox.session()
  yield* session.run(Command.shell("echo 'let x = 1' > /program"))
  yield* session.branch("base")

  const attempts = yield* Effect.forEach(["s/1/2/", "s/let/const/"], (edit) =>
    Effect.gen(function*() {
      // neither sees what the other does
      const attempt = yield* session.fork
      yield* attempt.run(Command.exec("sed", ["-i", edit, "/program"]))
      const test = yield* attempt.exec(Command.exec("grep", ["-q", "const", "/program"]))
      return { edit, passed: test.exitCode === 0, image: yield* attempt.image }
    }), { concurrency: 2 })

  for (const { edit, image, passed } of attempts) {
    yield* Console.log(`${edit}  ${passed ? "passed" : "failed"}  ${(yield* image.readText("/program")).trimEnd()}`)
  }
  yield* session.checkout("base")
  yield* Console.log(`base is untouched: ${(yield* (yield* session.image).readText("/program")).trimEnd()}`)
})

program.pipe(Effect.provide(ContreeLocal.layer()), NodeRuntime.runMain)
