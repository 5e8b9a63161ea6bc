/** Input from a string, a stream, a local file, and line by line while the command runs. */
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect, Stream } from "effect"
import { Command, Images, Stdin } from "effect-contree"

const program = Effect.gen(function*() {
  const busybox = yield* (yield* Images.Images).use("busybox:latest")

  const upper = yield* busybox.run(Command.exec("tr", ["a-z", "A-Z"]), { stdin: "from a string" })
  yield* Console.log(upper.stdout.text)

  const numbers = Stream.range(1, 1000).pipe(Stream.map((n) => `${n}\n`), Stream.encodeText)
  const lines = yield* busybox.run(Command.exec("wc", ["-l"]), { stdin: numbers })
  yield* Console.log(`lines of a stream: ${lines.stdout.text.trim()}`)

  const first = yield* busybox.run(Command.exec("head", ["-n1"]), { stdin: Stdin.file("LICENSE") })
  yield* Console.log(`first line of a file: ${first.stdout.text.trimEnd()}`)

  // a conversation: each line is answered before the next is sent
  yield* Effect.scoped(Effect.gen(function*() {
    const bc = yield* busybox.start(Command.exec("bc"))
    for (const [i, question] of ["6*7", "2^10"].entries()) {
      yield* bc.write(`${question}\n`)
      const answers = yield* bc.lines.pipe(Stream.take(i + 1), Stream.runCollect)
      yield* Console.log(`${question} = ${[...answers][i]}`)
    }
    yield* bc.end
    yield* Console.log(`exit code ${yield* bc.exitCode}`)
  }))
})

program.pipe(Effect.provide(ContreeLocal.layer()), Effect.provide(NodeContext.layer), NodeRuntime.runMain)
