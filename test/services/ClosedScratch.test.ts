import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Scope, Stream } from "effect"
import { Command, Errors } from "effect-contree"
import type { Process } from "effect-contree"
import * as RunGate from "../../src/internal/RunGate.js"
import { type Fake, imageOf, makeFake } from "../support/fakeApi.js"

const cmd = Command.exec("true")

describe("a process that was begun in what is closed", () => {
  const uses: Readonly<Record<string, (process: Process.Process) => Effect.Effect<unknown, unknown, Scope.Scope>>> = {
    write: (process) => process.write("a"),
    end: (process) => process.end,
    stdin: (process) => Stream.run(Stream.make(new Uint8Array(1)), process.stdin),
    output: (process) => Stream.runDrain(process.output),
    stdout: (process) => Stream.runDrain(process.stdout),
    stderr: (process) => Stream.runDrain(process.stderr),
    lines: (process) => Stream.runDrain(process.lines),
    events: (process) => Stream.runDrain(process.events),
    exit: (process) => process.exit,
    exitCode: (process) => process.exitCode,
    isRunning: (process) => process.isRunning,
    kill: (process) => process.kill(),
    exec: (process) => process.exec(cmd),
    state: (process) => process.state.get,
    changes: (process) => Stream.runDrain(process.state.changes),
    result: (process) => process.result
  }

  /** ends what it was begun in */
  type Closing = Effect.Effect<unknown>
  const closings: ReadonlyArray<
    readonly [string, (fake: Fake) => Effect.Effect<readonly [Process.Process, Closing], unknown, Scope.Scope>]
  > = [
    ["scratch", (fake) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const scratch = yield* Scope.extend(Effect.flatMap(imageOf(fake), (image) => image.scratch), scope)
        // its own scope outlives that of the scratch
        return [yield* (yield* scratch.image).start(cmd), Scope.close(scope, Exit.void)] as const
      })],
    ["layer", (fake) =>
      Effect.map(
        Effect.flatMap(imageOf(fake), (image) => image.start(cmd)),
        (process) => [process, RunGate.rootOf(fake.api).close] as const
      )]
  ]

  it.effect.each(closings)("a %s, answers that it is, and asks nobody", ([name, begin]) =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (operation) => void operation.spawned()
      const [process, close] = yield* begin(fake)
      const other = yield* process.exec(cmd)
      yield* close
      expect(fake.operations[0]?.status).toBe("CANCELLED")
      const before = fake.calls.length
      for (const [use, ask] of Object.entries(uses)) {
        const error = yield* Effect.flip(ask(process))
        expect([use, error instanceof Errors.DisposableImageRunError, String(error)]).toEqual([
          use,
          true,
          expect.stringContaining(`the ${name} `)
        ])
      }
      expect(yield* Effect.flip(other.exit)).toBeInstanceOf(Errors.DisposableImageRunError)
      expect(yield* Effect.flip(other.write("a"))).toBeInstanceOf(Errors.DisposableImageRunError)
      expect(fake.calls.length).toBe(before)
    }).pipe(Effect.scoped))
})
