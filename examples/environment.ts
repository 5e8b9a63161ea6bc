/** Variables, arguments, folder and host name. A `Redacted` value reaches the command, and no log or span. */
import { NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect, Redacted } from "effect"
import { Command, Images } from "effect-contree"

const program = Effect.gen(function*() {
  const busybox = yield* (yield* Images.Images).use("busybox:latest")
  const result = yield* busybox.run(
    Command.shell`echo $GREETING ${"it's quoted"} from $(hostname) in $(pwd), key of ${
      Command.unquoted("${#API_KEY}")
    } characters`,
    {
      env: { GREETING: "good morning,", API_KEY: Redacted.make("s3cret") },
      cwd: "/tmp",
      hostname: "sandbox"
    }
  )
  yield* Console.log(result.stdout.text.trimEnd())

  // arguments go as they are: no shell is between
  const args = yield* busybox.run(Command.exec("printf", ["<%s>\n", "two words", "$HOME", "*"]))
  yield* Console.log(args.stdout.text.trimEnd())
})

program.pipe(Effect.provide(ContreeLocal.layer()), NodeRuntime.runMain)
