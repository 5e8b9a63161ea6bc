/** Run a command, look at how it ended, and keep the file system it left as a new image. */
import { NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect } from "effect"
import { Command, ExitStatus, Images } from "effect-contree"

const program = Effect.gen(function*() {
  const busybox = yield* (yield* Images.Images).use("busybox:latest")

  const hello = yield* busybox.run(Command.exec("echo", ["hello"]))
  yield* Console.log(`stdout: ${hello.stdout.text.trimEnd()}`)

  // an exit code other than 0 is data, not a failure
  const failed = yield* busybox.run(Command.shell("echo oops >&2; exit 3"))
  yield* Console.log(`${ExitStatus.format(failed.exit)}, stderr: ${failed.stderr.text.trimEnd()}`)

  const built = yield* busybox.run(Command.shell("echo kept > /greeting"), { disposable: false, tag: "example/run:1" })
  const again = yield* built.image.run(Command.exec("cat", ["/greeting"]))
  yield* Console.log(`from the new image: ${again.stdout.text.trimEnd()}`)
})

program.pipe(Effect.provide(ContreeLocal.layer()), NodeRuntime.runMain)
