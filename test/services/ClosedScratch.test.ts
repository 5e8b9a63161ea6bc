import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Scope, Stream } from "effect"
import { Command, Errors } from "effect-contree"
import type { Process } from "effect-contree"
import { imageOf, makeFake } from "../support/fakeApi.js"

const cmd = Command.exec("true")

describe("a process that was begun in a scratch", () => {
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

  it.effect("answers when it is closed, and asks nobody", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (operation) => void operation.spawned()
      const image = yield* imageOf(fake)
      const scope = yield* Scope.make()
      const scratch = yield* Scope.extend(image.scratch, scope)
      // its own scope outlives that of the scratch
      const process = yield* (yield* scratch.image).start(cmd)
      const other = yield* process.exec(cmd)
      yield* Scope.close(scope, Exit.void)
      expect(fake.operations[0]?.status).toBe("CANCELLED")
      const before = fake.calls.length
      for (const [name, use] of Object.entries(uses)) {
        const error = yield* Effect.flip(use(process))
        expect([name, error instanceof Errors.DisposableImageRunError, String(error)]).toEqual([
          name,
          true,
          expect.stringContaining("scratch")
        ])
      }
      expect(yield* Effect.flip(other.exit)).toBeInstanceOf(Errors.DisposableImageRunError)
      expect(yield* Effect.flip(other.write("a"))).toBeInstanceOf(Errors.DisposableImageRunError)
      expect(fake.calls.length).toBe(before)
    }).pipe(Effect.scoped))
})
