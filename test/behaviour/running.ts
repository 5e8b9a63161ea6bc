import type { Vitest } from "@effect/vitest"
import { expect } from "@effect/vitest"
import { Chunk, Context, Effect, Exit, Fiber, Option, Sink, Stream } from "effect"
import { Command, Images, Operations } from "effect-contree"
import type { Contree, Image } from "effect-contree"
import { eventually } from "../support/engine.js"
import { commands } from "./commands.js"

/** What the commands of the suite run in: an image with a shell and the usual programs. */
export class BaseImage extends Context.Reference<BaseImage>()("test/BaseImage", {
  defaultValue: () => "busybox:latest"
}) {}

export const base = Effect.flatMap(
  Effect.all([Images.Images, BaseImage]),
  ([images, name]) => images.use(name)
)

/** an image with `/data/f` in it */
export const built = Effect.flatMap(
  base,
  (image) => Effect.map(image.run(commands.build, { disposable: false, check: true }), (result) => result.image)
)

const statusOf = (id: Parameters<Operations.Service["get"]>[0]) =>
  Effect.flatMap(Operations.Operations, (operations) => Effect.map(operations.get(id), ({ status }) => status))

/** the server cancels in its own time */
export const cancelled = (id: Parameters<Operations.Service["get"]>[0]) =>
  eventually(statusOf(id), (status) => status === "Cancelled")

/** until the command has said that it is up */
const up = (image: Image.Image) =>
  Effect.gen(function*() {
    const process = yield* image.start(commands.forever)
    yield* Stream.runHead(process.stdout)
    return process
  })

/** Running commands: what goes in, what comes out, and how it ends. */
export const running = (it: Vitest.MethodsNonLive<Contree.Contree, true>): void => {
  it.effect("output, exit and a handle without an image", () =>
    Effect.gen(function*() {
      const result = yield* (yield* base).run(commands.hello)
      expect(result.stdout.text).toBe("hello\n")
      expect(result.stderr.text).toBe("oops\n")
      expect(result.exit).toEqual({ _tag: "Exited", code: 0 })
      expect(result.exitCode).toBe(0)
      expect(Option.isNone(result.image.id)).toBe(true)
      expect((yield* Effect.flip(result.image.ls("/")))._tag).toBe("DisposableImageRunError")
    }))

  it.effect("exit codes, signals, and a program that is not there, are data", () =>
    Effect.gen(function*() {
      const image = yield* base
      expect((yield* image.run(commands.exit7)).exit).toEqual({ _tag: "Exited", code: 7 })
      expect((yield* image.run(commands.term)).exit).toEqual({ _tag: "Signaled", signal: 15 })
      expect((yield* image.run(commands.term)).exitCode).toBe(143)
      expect((yield* image.run(commands.notThere)).exitCode).toBe(127)
    }))

  it.effect("`check` makes an error of a bad end, with the last words", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip((yield* base).run(commands.why, { check: true }))
      expect(error).toMatchObject({
        _tag: "CommandFailedError",
        exit: { _tag: "Exited", code: 3 },
        stdoutTail: "",
        stderrTail: "why\n"
      })
    }))

  it.effect("stdin: text, bytes, a stream, and none", () =>
    Effect.gen(function*() {
      const image = yield* base
      const bytes = Uint8Array.of(0, 255, 10)
      const stream = Stream.make(new TextEncoder().encode("in "), new TextEncoder().encode("pieces"))
      expect((yield* image.run(commands.cat, { stdin: "gr\u00fcn" })).stdout.text).toBe("gr\u00fcn")
      expect([...(yield* image.run(commands.cat, { stdin: bytes })).stdout.bytes]).toEqual([...bytes])
      expect((yield* image.run(commands.cat, { stdin: stream })).stdout.text).toBe("in pieces")
      expect((yield* image.run(commands.cat)).stdout.text).toBe("")
    }))

  it.effect("environment and working folder", () =>
    Effect.gen(function*() {
      const result = yield* (yield* base).run(commands.where, {
        env: { NAME: "it" },
        cwd: "/work",
        files: { "/work/x": "" }
      })
      expect(result.stdout.text).toBe("it in /work\n")
    }))

  it.effect("`preserveEnv` keeps the environment in the image, which is then another", () =>
    Effect.gen(function*() {
      const parent = yield* (yield* base).applyFiles({ "/work/x": "" })
      const kept = yield* parent.run(Command.exec("true"), {
        env: { NAME: "kept" },
        preserveEnv: true,
        disposable: false
      })
      expect(kept.image.id.value).not.toBe(parent.id.value)
      expect((yield* kept.image.run(commands.where)).stdout.text).toBe("kept in /\n")
      expect((yield* kept.image.run(commands.where, { env: { NAME: "mine" } })).stdout.text).toBe("mine in /\n")
      expect((yield* parent.run(commands.where)).stdout.text).toBe(" in /\n")
    }))

  it.effect("bytes are bytes", () =>
    Effect.gen(function*() {
      expect([...(yield* (yield* base).run(commands.binary)).stdout.bytes]).toEqual([255, 0, 1])
    }))

  it.effect("a stream gives what comes as it comes, in order", () =>
    Effect.gen(function*() {
      const seen = yield* Stream.runCollect((yield* base).stream(commands.slowly))
      expect(Chunk.toReadonlyArray(seen).map((out) => [out._tag, out.text])).toEqual([
        ["Stdout", "one\n"],
        ["Stderr", "two\n"],
        ["Stdout", "three\n"]
      ])
    }))

  it.effect("a sink takes a stream whole", () =>
    Effect.gen(function*() {
      const seen: Array<Uint8Array> = []
      const sink = Sink.forEach((piece: Uint8Array) => Effect.sync(() => void seen.push(piece)))
      const result = yield* (yield* base).run(commands.large, { stdout: sink })
      expect(seen.reduce((total, piece) => total + piece.length, 0)).toBe(3000)
      expect(result.stdout.text).toBe("")
    }))

  it.effect("output beyond `truncateOutputAt`: data of a run, an error of a stream", () =>
    Effect.gen(function*() {
      const image = yield* base
      const result = yield* image.run(commands.large, { truncateOutputAt: 1000 })
      expect(result.stdout.truncated).toBe(true)
      expect(result.stdout.bytes.length).toBe(1000)
      expect(result.stderr.truncated).toBe(false)
      const whole = yield* image.run(commands.large, { truncateOutputAt: 3000 })
      expect(whole.stdout.truncated).toBe(false)
      const error = yield* Effect.flip(Stream.runDrain(image.stream(commands.large, { truncateOutputAt: 1000 })))
      expect(error).toMatchObject({
        _tag: "OutputTruncatedError",
        stream: "stdout",
        bytesEmitted: 1000,
        bytesDropped: 2000
      })
    }))

  it.effect("`timeout` is the server's: output so far, `TimedOut`, and no image", () =>
    Effect.gen(function*() {
      const image = yield* base
      const result = yield* image.run(commands.forever, { timeout: "1 second" })
      expect(result.exit).toEqual({ _tag: "TimedOut" })
      expect(result.exitCode).toBeUndefined()
      expect(result.stdout.text).toBe("up\n")
      const error = yield* Effect.flip(image.run(commands.forever, { timeout: "1 second", disposable: false }))
      expect(error).toMatchObject({ _tag: "FailedOperationError", exit: { _tag: "TimedOut" }, stdoutTail: "up\n" })
    }))

  it.effect("`waitTimeout` is ours: an error, and the run is cancelled", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip((yield* base).run(commands.forever, { waitTimeout: "500 millis" }))
      if (error._tag !== "OperationTimedOutError") throw error
      expect(yield* cancelled(error.operationId)).toBe("Cancelled")
    }))

  it.effect("leaving a stream, and interrupting a run, cancels it", () =>
    Effect.gen(function*() {
      const operations = yield* Operations.Operations
      const image = yield* base
      const first = yield* Stream.runHead(image.stream(commands.forever))
      expect(Option.map(first, (out) => out.text)).toEqual(Option.some("up\n"))
      const [left] = yield* operations.list({ number: 1 })
      expect(yield* cancelled(left!.id)).toBe("Cancelled")

      const isUp = yield* Effect.makeLatch()
      const sink = Sink.forEach(() => isUp.open)
      const fiber = yield* Effect.fork(image.run(commands.forever, { stdout: sink }))
      yield* isUp.await
      const [started] = yield* operations.list({ number: 1 })
      expect(started?.status).toBe("Executing")
      expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      expect(yield* cancelled(started!.id)).toBe("Cancelled")
    }))

  it.effect("a process is seen from all sides, and closing its scope cancels it", () =>
    Effect.gen(function*() {
      const id = yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* up(yield* base)
        expect(yield* process.isRunning).toBe(true)
        expect(yield* process.state.get).toBe("Executing")
        return process.operationId
      }))
      expect(yield* cancelled(id)).toBe("Cancelled")
      const operations = yield* Operations.Operations
      expect((yield* Effect.flip(operations.wait(id)))._tag).toBe("CancelledOperationError")
      const again = yield* Effect.flip(operations.cancel(id))
      expect(again).toMatchObject({ _tag: "ConflictError", status: 409 })
    }))

  it.effect("a started process ends with its result, twice", () =>
    Effect.gen(function*() {
      const process = yield* (yield* base).start(commands.build, { disposable: false })
      expect(yield* process.exitCode).toBe(0)
      const result = yield* process.result
      expect(yield* result.image.readText("/data/f")).toBe("base\n")
      expect((yield* process.result).image.id.value).toBe(result.image.id.value)
      expect(yield* process.state.get).toBe("Succeeded")
    }).pipe(Effect.scoped))

  it.effect("what is written to a process reaches it piece by piece, until the end", () =>
    Effect.gen(function*() {
      const process = yield* (yield* base).start(commands.pipe)
      yield* process.write("one ")
      expect(yield* Stream.runHead(Stream.decodeText(process.stdout))).toEqual(Option.some("one "))
      yield* Stream.run(Stream.make(new TextEncoder().encode("two")), process.stdin)
      yield* process.end
      expect((yield* process.result).stdout.text).toBe("one two")
      expect(yield* process.exitCode).toBe(0)
      expect(["ConflictError", "NotFoundError"]).toContain((yield* Effect.flip(process.write("three")))._tag)
    }).pipe(Effect.scoped))

  it.effect("processes beside the command have their own output and end, and are killed alone", () =>
    Effect.gen(function*() {
      const main = yield* up(yield* base)
      const beside = yield* main.exec(commands.hello)
      expect(beside.spid).toBe(2)
      expect(yield* Stream.mkString(Stream.decodeText(beside.stdout))).toBe("hello\n")
      expect(yield* beside.exitCode).toBe(0)
      const doomed = yield* main.exec(commands.forever)
      expect(yield* Stream.runHead(Stream.decodeText(doomed.stdout))).toEqual(Option.some("up\n"))
      yield* doomed.kill("SIGTERM")
      expect(yield* doomed.exit).toEqual({ _tag: "Signaled", signal: 15 })
      expect(yield* main.isRunning).toBe(true)
      yield* main.kill("SIGKILL")
      expect(yield* main.exit).toEqual({ _tag: "Signaled", signal: 9 })
      expect(yield* Stream.mkString(Stream.decodeText(main.stdout))).toBe("up\n")
      expect(["ConflictError", "NotFoundError"]).toContain((yield* Effect.flip(main.kill()))._tag)
    }).pipe(Effect.scoped))

  it.effect("what was detached goes on, and is taken back", () =>
    Effect.gen(function*() {
      const operations = yield* Operations.Operations
      const id = yield* Effect.scoped(Effect.flatMap(Effect.flatMap(base, up), (process) => process.detach))
      expect((yield* operations.get(id)).status).toBe("Executing")
      yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* operations.attach(id)
        const first = yield* Stream.runHead(Stream.decodeText(process.stdout))
        expect(first).toEqual(Option.some("up\n"))
      }))
      expect(yield* cancelled(id)).toBe("Cancelled")
    }))

  it.effect("the log: sandbox, command, output, exit, and last of all the completion", () =>
    Effect.gen(function*() {
      const operations = yield* Operations.Operations
      const { operationId } = yield* (yield* base).run(commands.hello)
      const events = Chunk.toReadonlyArray(yield* Stream.runCollect(operations.events(operationId)))
      const tags = events.map((event) => event._tag)
      expect(tags.filter((tag) => tag !== "network" && tag !== "stdout" && tag !== "stderr")).toEqual([
        "init",
        "spawn",
        "exit",
        "shutdown",
        "completion"
      ])
      expect(tags.indexOf("stdout")).toBeGreaterThan(tags.indexOf("spawn"))
      expect(tags.indexOf("stdout")).toBeLessThan(tags.indexOf("exit"))
      expect(events.map((event) => event.id)).toEqual(events.map((_, i) => i))
      const after = yield* Stream.runCollect(operations.events(operationId, { after: 1, follow: false }))
      expect(Chunk.toReadonlyArray(after).map((event) => event.id)).toEqual(events.slice(2).map((event) => event.id))
    }))

  it.effect("operations are listed, the newest first, and by what they are", () =>
    Effect.gen(function*() {
      const operations = yield* Operations.Operations
      const image = yield* base
      const older = yield* image.run(commands.hello)
      const newer = yield* image.run(commands.exit7)
      const ids = (yield* operations.list({ number: 2 })).map((operation) => operation.id)
      expect(ids).toEqual([newer.operationId, older.operationId])
      const cancelledOnes = yield* operations.list({ status: "Cancelled", number: "all" })
      expect(cancelledOnes.map((operation) => operation.id)).not.toContain(newer.operationId)
      const runs = yield* operations.list({ kind: "instance", status: "Success", number: 1 })
      expect(runs[0]).toMatchObject({ id: newer.operationId, kind: "instance", status: "Success" })
      expect(yield* operations.list({ kind: "image_import", status: "Executing" })).toEqual([])
    }))
}
