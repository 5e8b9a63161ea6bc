import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Fiber, Option, Scope, Stream, TestClock } from "effect"
import { Command, Errors } from "effect-contree"
import type { Process } from "effect-contree"
import { imageId, imageOf, makeFake } from "../support/fakeApi.js"

const cmd = Command.exec("true")
const text = (self: Stream.Stream<Uint8Array, unknown>) =>
  Effect.map(Stream.runCollect(self), (pieces) => Buffer.concat(Chunk.toReadonlyArray(pieces)).toString())

describe("a process", () => {
  it.effect("its views are independent: alone, together, twice, late, or never", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.spawned().stdout("one\n").stderr("bad\n").stdout("two\n")
      const image = yield* imageOf(fake)
      yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* image.start(cmd, { disposable: false })
        const operation = fake.operations[0]!
        expect(yield* process.isRunning).toBe(true)
        const out = yield* Effect.fork(text(process.stdout))
        const err = yield* Effect.fork(text(process.stderr))
        const exit = yield* Effect.fork(process.exitCode)
        yield* fake.awaitCalls("operationEvents", 3)
        operation.stdout("three\n").exit(4, imageId(5))
        expect(yield* Fiber.join(out)).toBe("one\ntwo\nthree\n")
        expect(yield* Fiber.join(err)).toBe("bad\n")
        expect(yield* Fiber.join(exit)).toBe(4)
        expect(yield* text(process.stdout)).toBe("one\ntwo\nthree\n")
        const tagged = yield* Stream.runCollect(process.output)
        expect(Chunk.toReadonlyArray(tagged).map((o) => [o._tag, o.text])).toEqual([
          ["Stdout", "one\n"],
          ["Stderr", "bad\n"],
          ["Stdout", "two\n"],
          ["Stdout", "three\n"]
        ])
        const result = yield* process.result
        expect([result.stdout.text, result.image.id.value]).toEqual(["one\ntwo\nthree\n", imageId(5)])
        expect(yield* process.isRunning).toBe(false)
      }))
      expect(fake.named("cancelOperation")).toEqual([])
      expect(fake.operations[0]!.open).toBe(0)
    }))

  it.effect("its tag is set when the result is first read, and once", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.spawned().exit(0, imageId(5))
      const image = yield* imageOf(fake)
      yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* image.start(cmd, { disposable: false, tag: "t" })
        expect(yield* process.exitCode).toBe(0)
        expect(fake.tags.size).toBe(0)
        const [first, second] = yield* Effect.all([process.result, process.result], { concurrency: 2 })
        // it moves on: reading the result again does not take it back
        fake.tags.set("t", imageId(6))
        expect((yield* process.result).image).toBe(first.image)
        expect(second.image).toBe(first.image)
      }))
      expect(fake.tags.get("t")).toBe(imageId(6))
      expect(fake.named("setImageTag").length).toBe(1)
    }))

  it.effect("closing the scope cancels what runs, once; detach hands it over and frees the place", () =>
    Effect.gen(function*() {
      const fake = makeFake({ concurrency: { runs: 1, imports: 1, uploads: 1 } })
      fake.onSpawn = (o) => void o.spawned()
      const image = yield* imageOf(fake)
      const scope = yield* Scope.make()
      yield* Scope.extend(image.start(cmd), scope)
      yield* Scope.close(scope, Exit.void)
      yield* Scope.close(scope, Exit.void)
      expect(fake.named("cancelOperation").length).toBe(1)
      yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* image.start(cmd)
        expect(yield* process.detach).toBe(fake.operations[1]!.id)
        // the only place is free again
        yield* image.start(cmd)
      }))
      expect(fake.named("cancelOperation").map((c) => c.args[0])).toEqual([
        fake.operations[0]!.id,
        fake.operations[2]!.id
      ])
    }))

  const looks: ReadonlyArray<readonly [string, (process: Process.Process) => Effect.Effect<unknown, unknown>]> = [
    ["isRunning", (process) => process.isRunning],
    ["state", (process) => process.state.get],
    ["the first of its states", (process) => Stream.runHead(process.state.changes)],
    ["a signal that comes too late", (process) => Effect.flip(process.kill())]
  ]
  it.effect.each(looks)(
    "an end that %s tells of frees the place, and leaves nothing to cancel",
    ([, look]) =>
      Effect.gen(function*() {
        const fake = makeFake({ concurrency: { runs: 1, imports: 1, uploads: 1 } })
        fake.onSpawn = (o) => void o.spawned()
        const image = yield* imageOf(fake)
        const spawns = Effect.gen(function*() {
          for (let i = 0; i < 50; i++) yield* Effect.yieldNow()
          return fake.named("spawnInstance").length
        })
        const scope = yield* Scope.make()
        const process = yield* Scope.extend(image.start(cmd), scope)
        const next = yield* Effect.fork(image.start(cmd))
        // it goes on, and only that can be learnt
        fake.failures.set("killSubprocess", [new Errors.ConflictError({ method: "killSubprocess", status: 409 })])
        yield* look(process)
        expect(yield* spawns).toBe(1)
        fake.operations[0]!.exit(0)
        expect(yield* spawns).toBe(1)
        yield* look(process)
        expect(yield* spawns).toBe(2)
        yield* Fiber.join(next)
        yield* Scope.close(scope, Exit.void)
        expect(fake.named("cancelOperation")).toEqual([])
      }).pipe(Effect.scoped)
  )

  it.effect("a signal that comes too late does not wait for a server that says no more", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      const process = yield* image.start(cmd)
      fake.before.set("getOperation", Effect.never)
      const fiber = yield* Effect.fork(Effect.flip(process.kill()))
      yield* fake.awaitCalls("getOperation")
      yield* TestClock.adjust("5 seconds")
      expect(yield* Fiber.join(fiber)).toBeInstanceOf(Errors.ConflictError)
      fake.before.delete("getOperation")
    }).pipe(Effect.scoped))

  it.effect("what one view breaks off leaves the others, and the run, alone", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.spawned().stdout("a").stdout("b")
      const image = yield* imageOf(fake)
      yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* image.start(cmd)
        const head = yield* Stream.runHead(process.stdout)
        expect(Option.map(head, (b) => b.length)).toEqual(Option.some(1))
        expect(fake.operations[0]!.open).toBe(0)
        const rest = yield* Effect.fork(text(process.stdout))
        yield* fake.awaitCalls("operationEvents", 2)
        fake.operations[0]!.exit(0)
        expect(yield* Fiber.join(rest)).toBe("ab")
      }))
      expect(fake.named("cancelOperation")).toEqual([])
    }))

  it.effect("a cut of one stream fails that view alone", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.stdout("abc").stderr("e").truncate("stdout", 9).exit(0)
      const image = yield* imageOf(fake)
      yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* image.start(cmd)
        expect(yield* text(process.stderr)).toBe("e")
        expect(yield* Effect.flip(text(process.stdout))).toMatchObject({
          _tag: "OutputTruncatedError",
          bytesDropped: 9
        })
        expect(yield* Effect.flip(Stream.runDrain(process.output))).toBeInstanceOf(Errors.OutputTruncatedError)
        expect((yield* process.result).stdout.truncated).toBe(true)
      }))
    }))

  it.effect("a piece that cannot be read fails the stream it is of", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.stdout("a").emit("stdout", { value: "!", encoding: "base64" }).stderr("e").exit(0)
      const image = yield* imageOf(fake)
      yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* image.start(cmd)
        const got: Array<string> = []
        const error = yield* Effect.flip(
          Stream.runForEach(process.stdout, (b) => Effect.sync(() => got.push(String(b))))
        )
        expect([got, error]).toMatchObject([["97"], { _tag: "EventStreamError" }])
        expect(yield* text(process.stderr)).toBe("e")
      }))
    }))

  it.effect("a piece in an encoding that is not known is a hole, not text", () =>
    Effect.gen(function*() {
      for (const encoding of ["hex", 7]) {
        const fake = makeFake()
        fake.onSpawn = (o) => void o.stdout("a").emit("stdout", { value: "6162", encoding }).exit(0)
        const image = yield* imageOf(fake)
        expect(yield* Effect.flip(image.run(cmd))).toMatchObject({ _tag: "EventStreamError" })
        expect(yield* Effect.flip(Stream.runDrain(image.stream(cmd)))).toMatchObject({ _tag: "EventStreamError" })
      }
    }))

  it.effect("a failed run fails every view", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.stdout("a").end("FAILED", { error: "disk" })
      const image = yield* imageOf(fake)
      yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* image.start(cmd)
        for (const view of [text(process.stdout), process.exit, process.result, process.exitCode]) {
          expect(yield* Effect.flip(view as Effect.Effect<unknown, unknown>)).toMatchObject({
            _tag: "FailedOperationError",
            description: "disk"
          })
        }
      }))
    }))

  it.effect("a status that lags behind the log is waited for", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => {
        o.exit(7)
        o.status = "EXECUTING"
      }
      const image = yield* imageOf(fake)
      const fiber = yield* Effect.fork(image.run(cmd))
      yield* fake.awaitCalls("getOperation")
      fake.operations[0]!.status = "SUCCESS"
      yield* TestClock.adjust("1 second")
      expect((yield* Fiber.join(fiber)).exitCode).toBe(7)
    }))

  it.effect("state goes forward", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => {
        o.status = "PENDING"
      }
      const image = yield* imageOf(fake)
      yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* image.start(cmd)
        expect(yield* process.state.get).toBe("Prepared")
        const changes = yield* Effect.fork(Stream.runCollect(process.state.changes))
        yield* fake.awaitCalls("operationEvents")
        fake.operations[0]!.spawned().exit(0)
        expect(Chunk.toReadonlyArray(yield* Fiber.join(changes))).toEqual(["Prepared", "Executing", "Succeeded"])
        expect(Chunk.toReadonlyArray(yield* Stream.runCollect(process.state.changes))).toEqual(["Succeeded"])
      }))
    }))
})
