import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Exit, Fiber, Scope, Stream, TestClock } from "effect"
import { Command, Errors } from "effect-contree"
import type { FakeSubprocess } from "../support/fakeApi.js"
import { imageOf, makeFake } from "../support/fakeApi.js"

const cmd = Command.exec("sleep", ["9"])
const text = (self: Stream.Stream<Uint8Array, unknown>) =>
  Effect.map(Stream.runCollect(self), (pieces) => Buffer.concat(Chunk.toReadonlyArray(pieces)).toString())

/** a main command that runs, and what the processes beside it do */
const box = (onExec: (process: FakeSubprocess) => void = () => {}) =>
  Effect.gen(function*() {
    const fake = makeFake()
    fake.onSpawn = (o) => void o.spawned().stdout("main\n")
    fake.onExec = onExec
    const image = yield* imageOf(fake)
    const process = yield* image.start(cmd)
    return { fake, process, operation: fake.operations[0]! }
  })

/** runs while the clock goes on, as far as a bound */
const withClock = <A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(self)
    for (let i = 0; i < 600 && fiber.unsafePoll() === null; i++) yield* TestClock.adjust("500 millis")
    return yield* Fiber.join(fiber)
  })

describe("a process beside the main command", () => {
  it.scoped("has its own output, lines, events and exit, and ends before the run does", () =>
    Effect.gen(function*() {
      const { fake, operation, process } = yield* box((p) => {
        p.stdout("one\ntw")
        operationOf(p).stdout("more of main\n")
        p.stderr("bad\n").stdout("o").exit({ code: 3 })
      })
      const other = yield* process.exec(Command.shell("x"), { cwd: "/tmp", env: { A: "1" }, uid: 5 })
      expect([other.spid, other.operationId]).toEqual([2, operation.id])
      expect(fake.named("createSubprocess")[0]!.args[1]).toEqual({
        command: "x",
        shell: true,
        cwd: "/tmp",
        env: { A: "1" },
        uid: 5,
        stdin: { value: "", encoding: "ascii", close: true }
      })
      expect(yield* text(other.stdout)).toBe("one\ntwo")
      expect(yield* text(other.stderr)).toBe("bad\n")
      expect(Chunk.toReadonlyArray(yield* Stream.runCollect(other.lines))).toEqual(["one", "two"])
      expect(yield* other.exit).toEqual({ _tag: "Exited", code: 3 })
      expect(yield* other.exitCode).toBe(3)
      const events = Chunk.toReadonlyArray(yield* Stream.runCollect(other.events))
      expect(events.map((e) => e.envelope.type)).toEqual(["spawn", "stdout", "stderr", "stdout", "exit"])
      expect([yield* other.isRunning, yield* process.isRunning]).toEqual([false, true])
      expect(operation.open).toBe(0)
    }))

  it.scoped("has a stdin of its own", () =>
    Effect.gen(function*() {
      const { operation, process } = yield* box()
      const other = yield* process.exec(cmd, { stdin: "pipe" })
      operation.onInput = (spid, input) => {
        if (spid === 2 && input.isClosed) {
          operation.subprocesses[0]!.stdout(Buffer.concat(input.pieces)).exit({ code: 0 })
        }
      }
      yield* Stream.run(Stream.make("a", "b").pipe(Stream.encodeText), other.stdin)
      expect(yield* text(other.stdout)).toBe("ab")
      expect(operation.input.pieces).toEqual([])
      const given = yield* process.exec(cmd, { stdin: "all" })
      expect(operation.subprocesses[1]!.request.stdin).toEqual({ value: "all", encoding: "ascii", close: true })
      expect(yield* Effect.flip(given.write("x"))).toMatchObject({ _tag: "ConflictError" })
    }))

  it.scoped("closing its scope kills it, once, unless its end is known", () =>
    Effect.gen(function*() {
      const { fake, operation, process } = yield* box()
      const scope = yield* Scope.make()
      yield* Scope.extend(process.exec(cmd), scope)
      yield* Scope.close(scope, Exit.void)
      yield* Scope.close(scope, Exit.void)
      expect(fake.named("killSubprocess").map((c) => c.args)).toEqual([[operation.id, 2, "KILL"]])
      expect(operation.subprocesses[0]!.state.signal).toBe(9)
      fake.onExec = (p) => void p.exit({ code: 0 })
      yield* Effect.scoped(Effect.flatMap(process.exec(cmd), (other) => other.exit))
      expect(fake.named("killSubprocess").length).toBe(1)
      // what has just ended is what was wanted
      yield* Effect.scoped(process.exec(cmd))
      expect(fake.named("killSubprocess").length).toBe(2)
      yield* Effect.scoped(Effect.flatMap(process.exec(cmd), (other) => other.isRunning))
      expect(fake.named("killSubprocess").length).toBe(2)
      expect(yield* process.isRunning).toBe(true)
    }))

  it.effect("a kill that is not answered holds the scope up for ten seconds, no more", () =>
    Effect.gen(function*() {
      const { fake, process } = yield* box()
      fake.before.set("killSubprocess", Effect.never)
      const fiber = yield* Effect.fork(Effect.scoped(process.exec(cmd)))
      yield* fake.awaitCalls("killSubprocess")
      yield* TestClock.adjust("9 seconds")
      expect(fiber.unsafePoll()).toBeNull()
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
    }).pipe(Effect.scoped))

  it.scoped("interrupted while it is asked for, it is killed when the answer comes", () =>
    Effect.gen(function*() {
      const { fake, operation, process } = yield* box()
      const answer = yield* Deferred.make<void>()
      fake.before.set("createSubprocess", Deferred.await(answer))
      const fiber = yield* Effect.fork(Effect.scoped(process.exec(cmd)))
      yield* fake.awaitCalls("createSubprocess")
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Effect.yieldNow()
      expect(interrupting.unsafePoll()).toBeNull()
      yield* Deferred.succeed(answer, void 0)
      yield* Fiber.join(interrupting)
      expect(fake.named("killSubprocess").map((c) => c.args)).toEqual([[operation.id, 2, "KILL"]])
    }))

  it.scoped("an exit that nobody logged is asked for; one that nobody knows is Unknown", () =>
    Effect.gen(function*() {
      for (const passesCompletion of [true, false]) {
        const { operation, process } = yield* box((p) => void p.stdout("out"))
        operation.passesCompletion = passesCompletion
        const told = yield* process.exec(cmd)
        const lost = yield* process.exec(cmd)
        operation.subprocesses[0]!.exit({ code: 7 }, false)
        operation.exit(0)
        expect(yield* withClock(told.exit)).toEqual({ _tag: "Exited", code: 7 })
        expect(yield* withClock(lost.exit)).toEqual({ _tag: "Unknown" })
        expect(yield* lost.exitCode).toBeUndefined()
        expect(yield* withClock(text(lost.stdout))).toBe("out")
        expect([yield* told.isRunning, yield* lost.isRunning]).toEqual([false, false])
      }
    }))

  it.scoped("where no log is to be had, its status has the exit and the output, also while the run goes on", () =>
    Effect.gen(function*() {
      const { operation, process } = yield* box((p) => void p.stdout("a").stderr("e").stdout("b").exit({ signal: 15 }))
      const refuse = new Errors.BadRequestError({ method: "events", status: 400 })
      const other = yield* process.exec(cmd)
      const broken = Array.from({ length: 40 }, () => ({ refuse }))
      operation.connections.push(...broken)
      expect(yield* withClock(text(other.stdout))).toBe("ab")
      expect(yield* withClock(other.exit)).toEqual({ _tag: "Signaled", signal: 15 })
    }))

  it.scoped("a log that breaks off is taken up where it stopped", () =>
    Effect.gen(function*() {
      const { operation, process } = yield* box((p) => void p.stdout("a").stdout("b").stdout("c").exit({ code: 0 }))
      const other = yield* process.exec(cmd)
      operation.connections.push({ dropAfter: 5 }, { dropAfter: 1, repeat: 2 }, {})
      expect(yield* withClock(text(other.stdout))).toBe("abc")
    }))

  it.scoped("a run that was cancelled takes it along: its views fail as the run does", () =>
    Effect.gen(function*() {
      const { operation, process } = yield* box((p) => void p.stdout("out"))
      const other = yield* process.exec(cmd)
      operation.end("CANCELLED")
      expect(yield* Effect.flip(other.exit)).toMatchObject({ _tag: "CancelledOperationError" })
      expect(yield* Effect.flip(text(other.stdout))).toMatchObject({ _tag: "CancelledOperationError" })
    }))

  it.scoped("cut output fails the stream it is of", () =>
    Effect.gen(function*() {
      const { process } = yield* box((p) => {
        p.stdout("abc").stderr("e")
        operationOf(p).emit("truncated", { stream: "stdout", bytes_emitted: 3, bytes_dropped: 9 }, p.spid)
        p.exit({ code: 0 })
      })
      const other = yield* process.exec(cmd)
      expect(yield* text(other.stderr)).toBe("e")
      expect(yield* Effect.flip(text(other.stdout))).toMatchObject({ _tag: "OutputTruncatedError", bytesDropped: 9 })
      expect(yield* text(process.stdout.pipe(Stream.take(1)))).toBe("main\n")
    }))

  it.scoped("a run that has ended takes no more, gone or not; bad options are refused before anything is sent", () =>
    Effect.gen(function*() {
      const { fake, operation, process } = yield* box()
      operation.exit(0)
      expect(yield* Effect.flip(process.exec(cmd))).toMatchObject({ _tag: "ConflictError", status: 409 })
      fake.failures.set("createSubprocess", [new Errors.GoneError({ method: "x", status: 410 })])
      expect(yield* Effect.flip(process.exec(cmd))).toMatchObject({ _tag: "ConflictError", status: 410 })
      const before = fake.calls.length
      for (const options of [{ cwd: "relative" }, { uid: -1 }, { truncateOutputAt: 0 }, { env: { "A=B": "" } }]) {
        expect(yield* Effect.flip(process.exec(cmd, options))).toMatchObject({
          _tag: "InvalidArgumentError",
          method: "Process.exec"
        })
      }
      expect(fake.calls.length).toBe(before)
    }))
})

describe("views", () => {
  it.scoped("any two can be read, together, or one without the other", () =>
    Effect.gen(function*() {
      const { operation, process } = yield* box((p) => {
        for (let i = 0; i < 50; i++) p.stdout("x".repeat(1000)).stderr("y".repeat(1000))
        p.exit({ code: 0 })
      })
      const other = yield* process.exec(cmd)
      for (let i = 0; i < 50; i++) operation.stdout("x".repeat(1000)).stderr("y".repeat(1000))
      operation.exit(0)
      for (const self of [process, other]) {
        const views: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
          ...[self.output, self.stdout, self.stderr, self.lines, self.events].map((view) =>
            Stream.runDrain<unknown, unknown, never>(view)
          ),
          self.exit,
          self.exitCode
        ]
        for (const one of views) for (const two of views) yield* Effect.zip(one, two, { concurrent: true })
        for (const view of [self.output, self.stdout, self.stderr, self.lines, self.events]) {
          yield* Stream.runHead<unknown, unknown, never>(view)
        }
      }
      expect(operation.open).toBe(0)
    }))
})

const operationOf = (process: FakeSubprocess) => process.operation
