/** A service of your own on top of images: what uses it sees neither images nor runs, and tests replace it whole. */
import { NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Context, Data, Effect, Layer } from "effect"
import type { Errors } from "effect-contree"
import { Command, Images } from "effect-contree"

class CheckFailed extends Data.TaggedError("CheckFailed")<{ readonly problems: string }> {}

class ShellCheck extends Context.Tag("example/ShellCheck")<ShellCheck, {
  readonly check: (script: string) => Effect.Effect<void, CheckFailed | Errors.RunError>
}>() {}

const ShellCheckLive = Layer.effect(
  ShellCheck,
  Effect.gen(function*() {
    const busybox = yield* (yield* Images.Images).use("busybox:latest")
    return {
      check: (script) =>
        busybox.run(Command.exec("sh", ["-n", "/script"]), { files: { "/script": script }, networking: false }).pipe(
          Effect.filterOrFail(
            (run) => run.exitCode === 0,
            (run) => new CheckFailed({ problems: run.stderr.text.trimEnd() })
          ),
          Effect.asVoid
        )
    }
  })
)

const program = Effect.gen(function*() {
  const shell = yield* ShellCheck
  for (const script of ["echo fine", "if true; then"]) {
    yield* shell.check(script).pipe(
      Effect.zipRight(Console.log(`${script}: fine`)),
      Effect.catchTag("CheckFailed", ({ problems }) => Console.log(`${script}: ${problems}`))
    )
  }
})

// for the hosted service, only the last of these lines changes
program.pipe(Effect.provide(ShellCheckLive), Effect.provide(ContreeLocal.layer()), NodeRuntime.runMain)
