/** Errors are values with types: recover from the ones you know, and let the compiler say which are left. */
import { NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect } from "effect"
import { Command, Errors, Images } from "effect-contree"

const program = Effect.gen(function*() {
  const images = yield* Images.Images
  const image = yield* images.use("tag:not-built-yet", { strict: true }).pipe(
    Effect.catchTag(
      "NotFoundError",
      () => Effect.zipRight(Console.log("not built yet: begin with busybox"), images.use("busybox:latest"))
    )
  )

  const outcome = yield* image.run(Command.shell("echo compiling; echo 'line 3: no such thing' >&2; exit 2"), {
    check: true,
    timeout: "10 seconds",
    waitTimeout: "1 minute"
  }).pipe(
    Effect.as("built"),
    Effect.catchTags({
      CommandFailedError: (error) => Effect.succeed(`failed, and stderr ends: ${error.stderrTail.trimEnd()}`),
      OperationTimedOutError: (error) => Effect.succeed(`gave up on operation ${error.operationId}`)
    })
  )
  yield* Console.log(outcome)

  const refused = yield* Effect.flip(images.use("no://such.scheme/x"))
  yield* Console.log(`${refused.message}\n${Errors.hint(refused)}`)
})

program.pipe(Effect.provide(ContreeLocal.layer()), NodeRuntime.runMain)
