/** A program that begins a run and leaves it: prints the operation's id. */
import { NodeHttpClient } from "@effect/platform-node"
import { Console, Effect, Layer, Stream } from "effect"
import { Command, Contree, Images } from "effect-contree"

const program = Effect.gen(function*() {
  const images = yield* Images.Images
  const busybox = yield* images.use("busybox")
  const process = yield* busybox.start(Command.shell("echo one; sleep 1; echo two; exec sleep 600"), {
    timeout: "1 hour"
  })
  // it has begun for sure
  yield* Stream.runHead(process.stdout)
  yield* Console.log(yield* process.detach)
})

await program.pipe(
  Effect.scoped,
  Effect.provide(Contree.layerEnv.pipe(Layer.provide(NodeHttpClient.layerUndici))),
  Effect.runPromise
)
