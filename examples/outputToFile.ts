/** Output as it comes: into a file, and line by line. What is read is all of it, or the program fails. */
import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect, Stream } from "effect"
import { Command, Images, Output } from "effect-contree"

const program = Effect.scoped(Effect.gen(function*() {
  const busybox = yield* (yield* Images.Images).use("busybox:latest")
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()

  const result = yield* busybox.run(Command.shell("seq 1 100000; echo done >&2"), {
    stdout: Output.toFile(`${folder}/numbers`)
  })
  const { size } = yield* fs.stat(`${folder}/numbers`)
  yield* Console.log(
    `${size} bytes in the file, ${result.stdout.bytes.length} in memory; ${result.stderr.text.trimEnd()}`
  )

  // as a stream; leaving it after three lines cancels the command
  yield* busybox.stream(Command.exec("yes", ["again"])).pipe(
    Output.stdout,
    Stream.decodeText(),
    Stream.splitLines,
    Stream.take(3),
    Stream.runForEach((line) => Console.log(line))
  )
}))

program.pipe(Effect.provide(ContreeLocal.layer()), Effect.provide(NodeContext.layer), NodeRuntime.runMain)
