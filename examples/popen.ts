/** The names of Python's `subprocess`: popen, communicate, wait, returncode. */
import { NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect } from "effect"
import { Images } from "effect-contree"

const program = Effect.scoped(Effect.gen(function*() {
  const busybox = yield* (yield* Images.Images).use("busybox:latest")

  const sort = yield* busybox.popen(["sort", "-n"], { stdin: "pipe", text: true })
  const { stdout } = yield* sort.communicate("10\n9\n100\n")
  yield* Console.log(stdout.trimEnd().split("\n").join(" "))

  const shell = yield* busybox.popen("echo to stderr >&2; exit 4", { shell: true, text: true })
  const code = yield* shell.wait
  yield* Console.log(`${(yield* shell.communicate()).stderr.trimEnd()}, returncode ${code}`)

  const checked = yield* busybox.popen(["false"], { check: true })
  yield* checked.wait.pipe(
    Effect.catchTag("CommandFailedError", (error) => Console.log(error.message))
  )
}))

program.pipe(Effect.provide(ContreeLocal.layer()), NodeRuntime.runMain)
