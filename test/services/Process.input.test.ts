import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Fiber, Stream } from "effect"
import { Command, Errors, Operations } from "effect-contree"
import type { FakeOperation } from "../support/fakeApi.js"
import { imageOf, makeFake, withFake } from "../support/fakeApi.js"

const cmd = Command.exec("cat")
const written = (operation: FakeOperation | undefined) => Buffer.concat(operation?.input.pieces ?? []).toString()
const bytes = (text: string) => new TextEncoder().encode(text)

const started = (stdin?: string | Uint8Array | "pipe") =>
  Effect.gen(function*() {
    const fake = makeFake()
    fake.onSpawn = (o) => void o.spawned()
    const image = yield* imageOf(fake)
    const process = yield* image.start(cmd, { stdin })
    return { fake, image, process, operation: fake.operations[0]! }
  })

describe("the stdin of a process", () => {
  it.effect("is open by default; text and bytes are given whole and end; run and stream send the end", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      const open = { value: "", encoding: "ascii", close: false }
      yield* Effect.scoped(image.start(cmd))
      yield* Effect.scoped(image.start(cmd, { stdin: "pipe" }))
      yield* Effect.scoped(image.start(cmd, { stdin: "yes\n" }))
      yield* Effect.scoped(image.start(cmd, { stdin: bytes("pipe") }))
      yield* Effect.scoped(image.start(cmd, { stdin: "" }))
      yield* image.run(cmd)
      yield* image.run(cmd, { stdin: "pipe" })
      yield* Stream.runDrain(image.stream(cmd))
      expect(fake.operations.map((o) => o.request.stdin)).toEqual([
        open,
        open,
        { value: "yes\n", encoding: "ascii", close: true },
        { value: "pipe", encoding: "ascii", close: true },
        undefined,
        undefined,
        { value: "pipe", encoding: "ascii", close: true },
        undefined
      ])
    }))

  it.scoped("takes text and bytes as they are, and its end once", () =>
    Effect.gen(function*() {
      const { fake, operation, process } = yield* started()
      yield* process.write("é\n")
      yield* process.write(Uint8Array.of(0, 255))
      yield* process.write("")
      expect(operation.input.isClosed).toBe(false)
      yield* process.end
      yield* process.end
      expect(Buffer.concat(operation.input.pieces)).toEqual(Buffer.concat([Buffer.from("é\n"), Buffer.of(0, 255)]))
      expect(operation.input.isClosed).toBe(true)
      expect(fake.named("writeSubprocessStdin").map((c) => c.args[2])).toEqual([
        { bytes: bytes("é\n"), close: false },
        { bytes: Uint8Array.of(0, 255), close: false },
        { bytes: new Uint8Array(0), close: true }
      ])
    }))

  it.scoped("goes out in pieces of 64 KiB at most: long values are cut, short ones of a chunk joined", () =>
    Effect.gen(function*() {
      const { fake, operation, process } = yield* started()
      const long = "x".repeat(150_000)
      yield* process.write(long)
      yield* Stream.fromChunk(Chunk.make(bytes("a"), new Uint8Array(0), bytes("b"), bytes("c"))).pipe(
        Stream.concat(Stream.make(bytes("d"))),
        Stream.run(process.stdin)
      )
      const sizes = fake.named("writeSubprocessStdin").map((c) => (c.args[2] as { bytes: Uint8Array }).bytes.length)
      expect(sizes).toEqual([65_536, 65_536, 18_928, 3, 1, 0])
      expect(written(operation)).toBe(`${long}abcd`)
      expect(operation.input.isClosed).toBe(true)
    }))

  it.scoped("one request is answered before the next is sent, or more is taken from the source", () =>
    Effect.gen(function*() {
      const { fake, operation, process } = yield* started()
      const answer = yield* Deferred.make<void>()
      fake.before.set("writeSubprocessStdin", Deferred.await(answer))
      let taken = 0
      const source = Stream.range(1, 1000, 1).pipe(Stream.map((n) => {
        taken++
        return bytes(`${n}\n`)
      }))
      const fiber = yield* Effect.fork(Stream.run(source, process.stdin))
      yield* fake.awaitCalls("writeSubprocessStdin")
      yield* Effect.yieldNow({ priority: 100 })
      expect([taken, fake.named("writeSubprocessStdin").length]).toEqual([1, 1])
      yield* Deferred.succeed(answer, void 0)
      yield* Fiber.join(fiber)
      expect(written(operation).split("\n").length).toBe(1001)
      expect(operation.input.isClosed).toBe(true)
    }))

  it.scoped("values that are written at once do not mix", () =>
    Effect.gen(function*() {
      const { operation, process } = yield* started()
      const values = ["a", "b", "c"].map((letter) => letter.repeat(200_000))
      yield* Effect.forEach(values, process.write, { concurrency: "unbounded" })
      expect(written(operation).replace(/(.)\1*/g, "$1").length).toBe(3)
    }))

  it.scoped("a source that fails ends nothing; what came before it is there, and more can follow", () =>
    Effect.gen(function*() {
      const { operation, process } = yield* started()
      const source = Stream.concat(Stream.make(bytes("a")), Stream.fail("lost"))
      expect(yield* Effect.flip(Stream.run(source, process.stdin))).toBe("lost")
      expect([written(operation), operation.input.isClosed]).toEqual(["a", false])
      yield* Stream.run(Stream.make(bytes("b")), process.stdin)
      expect([written(operation), operation.input.isClosed]).toEqual(["ab", true])
    }))

  it.scoped("after its end nothing is sent: a conflict says why", () =>
    Effect.gen(function*() {
      for (const stdin of ["pipe", "all of it"] as const) {
        const { fake, process } = yield* started(stdin)
        yield* process.end
        const before = fake.calls.length
        for (const use of [process.write("x"), process.write(""), Stream.run(Stream.make(bytes("x")), process.stdin)]) {
          expect(yield* Effect.flip(use)).toMatchObject({ _tag: "ConflictError", method: "Process.write" })
        }
        expect(fake.calls.length).toBe(before)
      }
    }))

  it.scoped("what has ended takes nothing: the server's own conflict, and a sandbox that is gone is one too", () =>
    Effect.gen(function*() {
      const { fake, operation, process } = yield* started()
      operation.exit(0)
      expect(yield* Effect.flip(process.write("x"))).toMatchObject({ _tag: "ConflictError", status: 409 })
      fake.failures.set("writeSubprocessStdin", [new Errors.GoneError({ method: "x", status: 410 })])
      expect(yield* Effect.flip(process.end)).toMatchObject({ _tag: "ConflictError", status: 410 })
    }))

  it.scoped("a write whose answer is lost is not sent again, and says that it may have arrived", () =>
    Effect.gen(function*() {
      const { fake, operation, process } = yield* started()
      fake.failures.set("writeSubprocessStdin", [
        new Errors.TransportError({ method: "x", retryable: "unknown", code: "ECONNRESET" })
      ])
      const error = yield* Effect.flip(process.write("x".repeat(100_000)))
      expect(error).toMatchObject({ _tag: "TransportError", retryable: "unknown", code: "ECONNRESET" })
      expect(error.message).toContain("these 65536 bytes may have arrived")
      expect(fake.named("writeSubprocessStdin").length).toBe(1)
      expect(written(operation)).toBe("")
    }))

  it.scoped("an interruption in a write sends nothing more, and lets the next one write", () =>
    Effect.gen(function*() {
      const { fake, operation, process } = yield* started()
      fake.before.set("writeSubprocessStdin", Effect.never)
      const fiber = yield* Effect.fork(process.write("x".repeat(100_000)))
      yield* fake.awaitCalls("writeSubprocessStdin")
      yield* Fiber.interrupt(fiber)
      fake.before.delete("writeSubprocessStdin")
      yield* process.write("next")
      expect(written(operation)).toBe("next")
      expect(fake.named("writeSubprocessStdin").length).toBe(2)
    }))

  it.effect("works for a run that was handed over, and so do signals and further processes", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.spawned()
      const image = yield* imageOf(fake)
      const id = yield* Effect.scoped(Effect.flatMap(image.start(cmd), (process) => process.detach))
      yield* Effect.scoped(Effect.gen(function*() {
        const operations = yield* Operations.Operations
        const process = yield* operations.attach(id)
        yield* process.write("again")
        yield* process.end
        expect(yield* (yield* process.exec(Command.exec("true"))).exitCode).toBe(0)
        yield* process.kill("SIGINT")
        expect(yield* process.exit).toEqual({ _tag: "Signaled", signal: 2 })
      })).pipe(Effect.provide(withFake(fake)))
      expect([written(fake.operations[0]), fake.operations[0]!.input.isClosed]).toEqual(["again", true])
      expect(fake.named("cancelOperation")).toEqual([])
    }))
})

describe("a signal", () => {
  it.scoped("goes by its name without SIG; TERM is the default; what has ended is a conflict", () =>
    Effect.gen(function*() {
      const { fake, operation, process } = yield* started()
      operation.onSignal = () => {}
      yield* process.kill()
      yield* process.kill("SIGKILL")
      yield* process.kill("SIGUSR1")
      expect(fake.named("killSubprocess").map((c) => c.args)).toEqual([
        [operation.id, 1, "TERM"],
        [operation.id, 1, "KILL"],
        [operation.id, 1, "USR1"]
      ])
      operation.exit(0)
      expect(yield* Effect.flip(process.kill())).toMatchObject({ _tag: "ConflictError" })
    }))
})
