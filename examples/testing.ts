/** A program under test, on the scripted double: no network, no Linux, no waiting. */
import { Console, Effect, TestClock, TestContext } from "effect"
import { Command, Images } from "effect-contree"
import { ContreeTest } from "effect-contree/testing"

// what is tested: it gives a slow test run a minute, and says what came of it
const verdict = Effect.gen(function*() {
  const image = yield* (yield* Images.Images).use("app:latest")
  const result = yield* image.run(Command.exec("make", ["test"]), { check: true, waitTimeout: "1 minute" })
  return result.stdout.text.trimEnd()
}).pipe(
  Effect.catchTags({
    CommandFailedError: (error) => Effect.succeed(`failed: ${error.stderrTail.trimEnd()}`),
    OperationTimedOutError: () => Effect.succeed("too slow")
  })
)

const under = (reply: ContreeTest.Reply) =>
  Effect.gen(function*() {
    const running = yield* Effect.fork(verdict)
    yield* TestClock.adjust("2 minutes")
    const said = yield* running
    const { calls } = yield* ContreeTest.ContreeTest
    const [call] = yield* calls
    return `${said} (the run: ${JSON.stringify(call?.outcome)})`
  }).pipe(
    Effect.provide(ContreeTest.layer({
      images: { "app:latest": { "/Makefile": "test:\n" } },
      runs: [ContreeTest.on(Command.exec("make", ["test"]), reply)]
    })),
    Effect.provide(TestContext.TestContext)
  )

const program = Effect.gen(function*() {
  yield* Console.log(yield* under({ stdout: "12 passed\n" }))
  yield* Console.log(yield* under({ exitCode: 2, stderr: "1 failed\n" }))
  yield* Console.log(yield* under({ delay: "1 hour" }))
})

void Effect.runPromise(program)
