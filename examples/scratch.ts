/** A scratch scope: when it closes, what runs in it is cancelled, its tags are removed, and its handles are over. */
import { NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect } from "effect"
import { Command, Images } from "effect-contree"

const program = Effect.gen(function*() {
  const images = yield* Images.Images
  const busybox = yield* images.use("busybox:latest")

  const left = yield* Effect.scoped(Effect.gen(function*() {
    const scratch = yield* busybox.scratch
    const { image } = yield* scratch.run(Command.shell("echo secret > /x"), { tag: "example/scratch:1" })
    yield* Console.log(`inside: ${(yield* image.readText("/x")).trimEnd()}`)
    return image
  }))

  const after = yield* Effect.flip(left.run(Command.exec("cat", ["/x"])))
  yield* Console.log(`after: ${after._tag}`)
  const tag = yield* images.use("tag:example/scratch:1", { strict: true }).pipe(Effect.flip)
  yield* Console.log(`its tag: ${tag._tag}`)
})

program.pipe(Effect.provide(ContreeLocal.layer()), NodeRuntime.runMain)
