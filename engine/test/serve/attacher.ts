/** A program that takes up a run that another began: prints what it wrote from its beginning on, and leaves it again. */
import { NodeHttpClient } from "@effect/platform-node"
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { Contree, Ids, Operations } from "effect-contree"

const program = Effect.gen(function*() {
  const operations = yield* Operations.Operations
  const process_ = yield* operations.attach(yield* Schema.decodeUnknown(Ids.OperationId)(process.argv[2]))
  const lines = yield* process_.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.take(2),
    Stream.runCollect
  )
  yield* Console.log([...lines].join(" "))
  yield* process_.detach
})

await program.pipe(
  Effect.scoped,
  Effect.provide(Contree.layerEnv.pipe(Layer.provide(NodeHttpClient.layerUndici))),
  Effect.runPromise
)
