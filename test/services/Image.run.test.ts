import { HttpClient, HttpClientResponse } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import {
  Cause,
  Chunk,
  Deferred,
  Duration,
  Effect,
  Either,
  Exit,
  Fiber,
  Layer,
  Logger,
  Option,
  Redacted,
  Sink,
  Stream,
  TestClock
} from "effect"
import { Command, Errors, File, Files, Images, RunResult } from "effect-contree"
import type { Wire } from "effect-contree"
import { inspect } from "node:util"
import { type Fake, imageId, imageOf, makeFake, uuid, withFake } from "../support/fakeApi.js"
import { apiOn } from "../support/httpClients.js"
import { json, stub } from "../support/httpStub.js"

const cmd = Command.exec("true")
const request = (fake: Fake, n = 0) => fake.named("spawnInstance")[n]?.args[0] as Wire.InstanceSpawnRequest
const running = (fake: Fake) => {
  fake.onSpawn = (operation) => void operation.spawned()
  return fake
}

describe("run", () => {
  it.effect("gives output, exit, image and use", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.spawned().stdout("one ").stderr("bad").stdout("two").exit(3, imageId(7))
      const image = yield* imageOf(fake)
      const result = yield* image.run(Command.shell("x"), { disposable: false })
      expect(result.stdout.text).toBe("one two")
      expect(result.stderr.text).toBe("bad")
      expect(result.exit).toEqual({ _tag: "Exited", code: 3 })
      expect(result.image.id.value).toBe(imageId(7))
      expect(Duration.toMillis(result.elapsed)).toBe(1500)
      expect(Option.map(result.resources, (r) => [Duration.toMillis(r.userCpu), r.maxRss])).toEqual(
        Option.some([500, 1024])
      )
      expect(result.cost).toEqual(Option.some(3))
      expect(fake.named("operationEvents").length).toBe(1)
      expect(fake.named("getOperation").length).toBe(1)
      expect(fake.named("cancelOperation")).toEqual([])
    }))

  it.effect("sends what was asked for, and nothing else", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      yield* image.run(cmd)
      expect(request(fake)).toEqual({ command: "true", image: imageId(1), disposable: true })
      yield* image.run(Command.exec("cat", ["a b"]), {
        env: { A: "1", SECRET: Redacted.make("s3cret"), GONE: undefined },
        cwd: "/w",
        hostname: "box",
        uid: 1,
        gid: 2,
        networking: false,
        timeout: "1500 millis",
        truncateOutputAt: 10,
        maxLayerBytes: 99,
        preserveEnv: true,
        stdin: "in\u00e9"
      })
      expect(request(fake, 1)).toEqual({
        command: "cat",
        args: ["a b"],
        image: imageId(1),
        disposable: true,
        env: { A: "1", SECRET: "s3cret" },
        cwd: "/w",
        hostname: "box",
        uid: 1,
        gid: 2,
        networking: { enabled: false },
        timeout: 2,
        truncate_output_at: 10,
        resources_limits: { max_layer_bytes: 99 },
        preserve_env: true,
        stdin: { value: "aW7DqQ==", encoding: "base64", close: true }
      })
    }))

  it.effect("a handle by tag is sent as a tag", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* Effect.flatMap(Images.Images, (i) => i.use("docker.io/library/busybox:1")).pipe(
        Effect.provide(withFake(fake))
      )
      yield* image.run(cmd)
      expect(request(fake).image).toBe("tag:busybox:1")
      expect(fake.calls[0]?.method).toBe("spawnInstance")
    }))

  const bad: Array<readonly [string, object]> = [
    ["env", { env: { "A=B": "1" } }],
    ["env.A", { env: { A: "top\0secret" } }],
    ["cwd", { cwd: "relative" }],
    ["uid", { uid: -1 }],
    ["gid", { gid: 1.5 }],
    ["timeout", { timeout: 0 }],
    ["timeout", { timeout: Infinity }],
    ["waitTimeout", { waitTimeout: -1 }],
    ["truncateOutputAt", { truncateOutputAt: 10 * 1024 * 1024 + 1 }],
    ["truncateOutputAt", { truncateOutputAt: 0 }],
    ["maxLayerBytes", { maxLayerBytes: 0 }],
    ["hostname", { hostname: "a b" }],
    ["tag", { disposable: false, tag: "no spaces" }],
    ["tag", { disposable: true as boolean, tag: "x" as never }],
    ["files[\"a\"]", { files: { a: "x" } }],
    ["files[\"/a/../b\"]", { files: { "/a/../b": "x" } }],
    ["files[\"/a/\"]", { files: { "/a/": "x" } }],
    ["files[\"/\\u0000\"]", { files: { "/\0": "x" } }],
    ["files", { files: { "/a": "x", "//a": "y" } }],
    ["files[0]", { files: [File.named(File.text("x"), "a/b")] }],
    ["files[\"/m\"].mode", { files: { "/m": File.text("x", { mode: 0o10000 }) } }]
  ]
  it.effect.each(bad)("refuses a bad %s before any request", ([argument, options]) =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      const error = yield* Effect.flip(image.run(cmd, options as { readonly cwd?: string }))
      expect(error).toBeInstanceOf(Errors.InvalidArgumentError)
      expect(error).toMatchObject({ argument, method: "Image.run" })
      expect(JSON.stringify(error)).not.toContain("secret")
      expect(fake.calls).toEqual([])
    }))

  it.effect("refuses a NUL in the command", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      expect(yield* Effect.flip(image.run(Command.shell("a\0b")))).toMatchObject({ argument: "command" })
      expect(fake.calls).toEqual([])
    }))

  it.effect("check turns another exit into an error with the last output, and leaves no tag", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.stdout("\u00e9".repeat(3000)).stderr("why").exit(2, imageId(9))
      const image = yield* imageOf(fake)
      const error = yield* Effect.flip(image.run(cmd, { check: true, disposable: false, tag: "x" }))
      expect(error).toBeInstanceOf(Errors.CommandFailedError)
      expect(error).toMatchObject({ exit: { _tag: "Exited", code: 2 }, stderrTail: "why", imageId: imageId(9) })
      expect((error as Errors.CommandFailedError).stdoutTail).toBe("\u00e9".repeat(2048))
      expect(fake.named("setImageTag")).toEqual([])
      expect(fake.named("cancelOperation")).toEqual([])
      const result = yield* image.run(cmd)
      expect(RunResult.isSuccess(result)).toBe(false)
      expect(yield* Effect.flip(RunResult.orFail(result))).toMatchObject({
        _tag: "CommandFailedError",
        stderrTail: "why"
      })
    }))

  it.effect("a failed operation, a cancelled one, and one without its image are errors", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      fake.onSpawn = (o) => void o.end("FAILED", { error: "no kernel" })
      expect(yield* Effect.flip(image.run(cmd))).toMatchObject({
        _tag: "FailedOperationError",
        description: "no kernel"
      })
      fake.onSpawn = (o) => void o.end("CANCELLED")
      expect(yield* Effect.flip(image.run(cmd))).toMatchObject({ _tag: "CancelledOperationError" })
      fake.onSpawn = (o) => void o.stderr("slow").end("SUCCESS", { timedOut: true, signal: 9 })
      expect(yield* Effect.flip(image.run(cmd, { disposable: false }))).toMatchObject({
        _tag: "FailedOperationError",
        exit: { _tag: "TimedOut" },
        stderrTail: "slow"
      })
      expect((yield* image.run(cmd)).exit).toEqual({ _tag: "TimedOut" })
      expect(fake.named("cancelOperation")).toEqual([])
    }))

  it.effect("an exit nobody reported is Unknown; the exit event stands in for the status", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      fake.onSpawn = (o) => void o.end("SUCCESS")
      const unknown = yield* image.run(cmd)
      expect([unknown.exit, unknown.exitCode]).toEqual([{ _tag: "Unknown" }, undefined])
      const resources = Object.fromEntries(
        [
          "user_time_us",
          "sys_time_us",
          "max_rss_kb",
          "shared_memory",
          "unshared_memory",
          "swaps",
          "minor_faults",
          "major_faults",
          "voluntary_ctx_switches",
          "involuntary_ctx_switches",
          "block_input_ops",
          "block_output_ops",
          "ipc_msgs_sent",
          "ipc_msgs_received",
          "signals_received"
        ].map((key) => [key, 1])
      )
      fake.onSpawn = (o) =>
        void o.emit("exit", { pid: 1, code: -1, signal: 15, timed_out: false, duration_ms: 1, resources }).end(
          "SUCCESS"
        )
      const signalled = yield* image.run(cmd)
      expect([signalled.exit, signalled.exitCode]).toEqual([{ _tag: "Signaled", signal: 15 }, 143])
    }))

  it.effect("output the server cut is data to run, and an error to sinks and streams", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.stdout("abc").stderr("fine").truncate("stdout", 5).exit()
      const image = yield* imageOf(fake)
      const result = yield* image.run(cmd)
      expect([result.stdout.text, result.stdout.truncated, result.stderr.truncated]).toEqual(["abc", true, false])
      const cut = { _tag: "OutputTruncatedError", stream: "stdout", bytesEmitted: 3, bytesDropped: 5 }
      expect(yield* Effect.flip(image.run(cmd, { stdout: Sink.drain }))).toMatchObject(cut)
      expect(yield* Effect.flip(Stream.runDrain(image.stream(cmd)))).toMatchObject(cut)
      // the other stream is whole
      expect((yield* image.run(cmd, { stderr: Sink.drain })).stdout.truncated).toBe(true)
    }))

  it.effect("a stream is cut too when only the status says so", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => {
        o.stdout("abc").stderr("fine").exit()
        o.result = { ...o.result, stdout: { value: "abc", encoding: "ascii", truncated: true } }
      }
      const image = yield* imageOf(fake)
      const result = yield* image.run(cmd)
      expect([result.stdout.truncated, result.stderr.truncated]).toEqual([true, false])
      const cut = { _tag: "OutputTruncatedError", stream: "stdout", bytesEmitted: 3 }
      expect(yield* Effect.flip(Stream.runDrain(image.stream(cmd)))).toMatchObject(cut)
      expect(yield* Effect.flip(image.run(cmd, { stdout: Sink.drain }))).toMatchObject(cut)
      yield* Effect.scoped(Effect.gen(function*() {
        const process = yield* image.start(cmd)
        expect(yield* Effect.flip(Stream.runDrain(process.output))).toMatchObject(cut)
        expect(yield* Effect.flip(Stream.runDrain(process.stdout))).toMatchObject(cut)
        yield* Stream.runDrain(process.stderr)
      }))
    }))

  it.effect("sinks take their stream; one that ends early does not end the run; one that fails does", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.spawned().stdout("a").stdout("b").stderr("e").exit()
      const image = yield* imageOf(fake)
      const seen: Array<string> = []
      const result = yield* image.run(cmd, {
        stdout: Sink.forEach((b: Uint8Array) => Effect.sync(() => seen.push(Buffer.from(b).toString())))
      })
      expect([seen, result.stdout.text, result.stderr.text]).toEqual([["a", "b"], "", "e"])
      expect((yield* image.run(cmd, { stdout: Sink.head() })).exitCode).toBe(0)
      running(fake).onSpawn = (o) => void o.spawned().stdout("a")
      expect(yield* Effect.flip(image.run(cmd, { stdout: Sink.fail("full") }))).toBe("full")
      expect(fake.named("cancelOperation").length).toBe(1)
      expect(fake.operations.map((o) => o.open)).toEqual([0, 0, 0])
    }))

  it.effect("waitTimeout ends the wait and the run", () =>
    Effect.gen(function*() {
      const fake = running(makeFake())
      const image = yield* imageOf(fake)
      for (
        const go of [
          image.run(cmd, { waitTimeout: "10 seconds" }),
          Stream.runDrain(image.stream(cmd, { waitTimeout: "10 seconds" }))
        ]
      ) {
        const before = fake.named("operationEvents").length
        const fiber = yield* Effect.fork(Effect.flip(go))
        yield* fake.awaitCalls("operationEvents", before + 1)
        yield* TestClock.adjust("10 seconds")
        const error = yield* Fiber.join(fiber)
        expect(error).toBeInstanceOf(Errors.OperationTimedOutError)
        expect(String(error)).toContain("the run is cancelled")
      }
      expect(fake.named("cancelOperation").length).toBe(2)
    }))

  it.effect("a tag is set on what was kept", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      const result = yield* image.run(cmd, { disposable: false, tag: "app:1" })
      expect(fake.tags.get("app:1")).toBe(result.image.id.value)
      expect(Option.getOrUndefined(result.image.tag)).toBe("app:1")
      fake.failures.set("setImageTag", [new Errors.ConflictError({ method: "x", description: "taken" })])
      const error = yield* Effect.flip(image.run(cmd, { disposable: false, tag: "app:1" }))
      expect(error).toMatchObject({ _tag: "FailedOperationError" })
      expect(error.message).toContain("taken")
    }))

  it.effect("a stdin stream is read before a place is taken, so piped runs cannot lock each other out", () =>
    Effect.gen(function*() {
      const fake = makeFake({ concurrency: { runs: 1, imports: 1, uploads: 1 } })
      fake.onSpawn = (o) => void o.stdout("data").exit()
      const image = yield* imageOf(fake)
      const piped = image.stream(cmd).pipe(Stream.map((out) => out.bytes))
      yield* Effect.all(Array.from({ length: 3 }, () => image.run(cmd, { stdin: piped })), { concurrency: "unbounded" })
      expect(fake.named("spawnInstance").length).toBe(6)
      const error = yield* Effect.flip(image.run(cmd, { stdin: Stream.fail("broken pipe") }))
      expect(error).toBe("broken pipe")
      expect(fake.named("spawnInstance").length).toBe(6)
    }))

  it.effect("stdin has a bound, and a stream without end is left there", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      const piece = new Uint8Array(1024 * 1024)
      let given = 0
      const endless = Stream.repeatEffect(Effect.sync(() => {
        given++
        return piece
      }))
      for (const stdin of [endless, new Uint8Array(64 * 1024 * 1024 + 1)]) {
        const error = yield* Effect.flip(image.run(cmd, { stdin }))
        expect(error).toMatchObject({ _tag: "InvalidArgumentError", argument: "stdin", method: "Image.run" })
        expect(String(error)).toMatch(/64 MiB.*`files`/)
      }
      expect(given).toBe(65)
      expect(fake.calls).toEqual([])
    }))

  it.effect("a program's own stream takes no place among the uploads: it may come from a run that uploads", () =>
    Effect.gen(function*() {
      const fake = makeFake({ concurrency: { runs: 1, imports: 1, uploads: 1 } })
      fake.onSpawn = (o) => void o.stdout("data").exit()
      const image = yield* imageOf(fake)
      const made = image.stream(cmd, { files: { "/in": "x" } }).pipe(Stream.map((out) => out.bytes))
      const fiber = yield* Effect.fork(image.run(cmd, { files: { "/out": File.stream(made) } }))
      yield* fake.awaitCalls("uploadFile", 2)
      expect((yield* Fiber.join(fiber)).exitCode).toBe(0)
    }))

  it.effect("uploads by a run and by hand share one limit, which no server is asked for", () =>
    Effect.gen(function*() {
      const fake = makeFake({ concurrency: { runs: 1, imports: 1, uploads: "server" } })
      const answer = yield* Deferred.make<void>()
      fake.before.set("getFile", Deferred.await(answer))
      const [images, files] = yield* Effect.all([Images.Images, Files.Files]).pipe(Effect.provide(withFake(fake)))
      const image = yield* images.use(imageId(1))
      const byHand = yield* Effect.fork(
        Effect.all(["a", "b", "c"].map((text) => files.ensure(text)), { concurrency: "unbounded" })
      )
      yield* fake.awaitCalls("getFile", 3)
      const run = yield* Effect.fork(image.run(cmd, { files: { "/d": "d", "/e": "e" } }))
      yield* fake.awaitCalls("getFile", 4)
      for (let i = 0; i < 20; i++) yield* Effect.yieldNow()
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
      expect(fake.named("getFile").length).toBe(4)
      yield* Deferred.succeed(answer, undefined)
      yield* Effect.all([Fiber.join(byHand), Fiber.join(run)])
      expect(fake.named("whoami")).toEqual([])
    }))

  it.effect("uploads a content once, and only if it is not there", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      const files = {
        "/a": "same",
        "/b": new TextEncoder().encode("same"),
        "/c": File.text("other", { mode: 0o755, uid: 5 })
      }
      yield* image.run(cmd, { files })
      expect(fake.named("uploadFile").length).toBe(2)
      yield* image.run(cmd, { files })
      expect(fake.named("uploadFile").length).toBe(2)
      const sent = request(fake, 1).files!
      expect(sent["/a"]).toEqual(sent["/b"])
      expect(sent["/c"]).toMatchObject({ mode: 0o755, uid: 5 })
      const stream = File.stream(Stream.make(Uint8Array.of(1), Uint8Array.of(2)))
      yield* image.run(cmd, { files: { "/s": stream, "/t": { ...stream, mode: 0o600 } } })
      expect(fake.named("uploadFile").length).toBe(3)
      expect(yield* Effect.flip(image.run(cmd, { files: { "/s": File.stream(Stream.fail("torn")) } }))).toBe("torn")
    }))

  it.effect("prints short, and without the output's bulk", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.stdout("x".repeat(5000)).exit(1, imageId(3))
      const image = yield* imageOf(fake)
      const result = yield* image.run(cmd, { disposable: false, env: { T: Redacted.make("hush") } })
      const text = inspect(result)
      expect(text).toContain("5000 bytes")
      expect(text).toContain(imageId(3))
      expect(text.length).toBeLessThan(800)
      expect(String(image)).toContain(imageId(1))
    }))
})

describe("the life of a run", () => {
  it.effect("interrupted while it waits for its turn: nothing is sent, and the turn is not lost", () =>
    Effect.gen(function*() {
      const fake = running(makeFake({ concurrency: { runs: 1, imports: 1, uploads: 1 } }))
      const image = yield* imageOf(fake)
      const first = yield* Effect.fork(image.run(cmd))
      yield* fake.awaitCalls("operationEvents")
      const second = yield* Effect.fork(image.run(cmd))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(second)
      expect(fake.named("spawnInstance").length).toBe(1)
      fake.operations[0]!.exit()
      yield* Fiber.join(first)
      fake.onSpawn = (o) => void o.exit()
      yield* image.run(cmd)
    }))

  it.effect("interrupted while the answer to the spawn is pending: waits for it, then cancels once", () =>
    Effect.gen(function*() {
      const fake = running(makeFake())
      const answer = yield* Deferred.make<void>()
      fake.before.set("spawnInstance", Deferred.await(answer))
      const image = yield* imageOf(fake)
      const fiber = yield* Effect.fork(image.run(cmd))
      yield* fake.awaitCalls("spawnInstance")
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Effect.yieldNow()
      expect(fake.operations).toEqual([])
      expect(interrupting.unsafePoll()).toBeNull()
      yield* Deferred.succeed(answer, undefined)
      const exit = yield* Fiber.join(interrupting)
      expect(Exit.isInterrupted(exit)).toBe(true)
      expect(fake.named("cancelOperation").map((call) => call.args[0])).toEqual([fake.operations[0]!.id])
    }))

  it.effect("a spawn that is never answered ends with requestTimeout", () =>
    Effect.gen(function*() {
      const fake = makeFake({ requestTimeout: Duration.minutes(1), concurrency: { runs: 1, imports: 1, uploads: 1 } })
      fake.before.set("spawnInstance", Effect.never)
      const image = yield* imageOf(fake)
      const fiber = yield* Effect.fork(Effect.flip(image.run(cmd)))
      yield* fake.awaitCalls("spawnInstance")
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "TransportError", retryable: "unknown" })
      fake.before.delete("spawnInstance")
      yield* image.run(cmd)
    }))

  it.effect("interrupted while the answer never comes: waits 10 seconds, and says what may run on", () =>
    Effect.gen(function*() {
      const fake = makeFake({ concurrency: { runs: 1, imports: 1, uploads: 1 } })
      fake.before.set("spawnInstance", Effect.never)
      const image = yield* imageOf(fake)
      const warnings: Array<string> = []
      const logger = Logger.make(({ message }) => void warnings.push(String(message)))
      const fiber = yield* Effect.fork(
        Effect.provide(image.run(cmd), Logger.replace(Logger.defaultLogger, logger))
      )
      yield* fake.awaitCalls("spawnInstance")
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust("9 seconds")
      expect(interrupting.unsafePoll()).toBeNull()
      yield* TestClock.adjust("1 second")
      expect(Exit.isInterrupted(yield* Fiber.join(interrupting))).toBe(true)
      expect(warnings.join()).toContain(`A run may go on: Image.run on ${imageId(1)}`)
      fake.before.delete("spawnInstance")
      // the place is free again
      yield* image.run(cmd)
    }))

  const refusing = (then: (index: number) => Response) =>
    Effect.gen(function*() {
      const made = stub((index) => index === 0 ? json(429, {}, { "retry-after": "20" }) : then(index))
      const fake = makeFake()
      const api = yield* apiOn(made.layer, "http://contree.test/sandboxes", {})
      const image = yield* imageOf({ ...fake, api })
      return { image, made }
    })

  it.scoped("interrupted between two attempts to begin: ends at once, and nothing more is sent", () =>
    Effect.gen(function*() {
      const { image, made } = yield* refusing(() => json(201, { uuid: uuid(1) }))
      const fiber = yield* Effect.fork(image.run(cmd))
      while (made.requests.length === 0) yield* Effect.yieldNow()
      // the answer is read, and the pause begun
      yield* TestClock.adjust("1 second")
      expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      yield* TestClock.adjust("1 minute")
      expect(made.urls.length).toBe(1)
    }))

  it.scoped("interrupted while an attempt is on its way that is refused: there is no other", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const answer = yield* Deferred.make<void>()
      const sent: Array<string> = []
      const client = HttpClient.make((request, url) =>
        Effect.suspend(() => {
          sent.push(url.href)
          return Effect.as(Deferred.await(answer), HttpClientResponse.fromWeb(request, json(429, {})))
        })
      )
      const api = yield* apiOn(Layer.succeed(HttpClient.HttpClient, client), "http://contree.test/sandboxes", {})
      const image = yield* imageOf({ ...fake, api })
      const fiber = yield* Effect.fork(image.run(cmd))
      while (sent.length === 0) yield* Effect.yieldNow()
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(answer, undefined)
      expect(Exit.isFailure(yield* Fiber.join(interrupting))).toBe(true)
      expect(sent.length).toBe(1)
    }))

  it.effect("a run in a finalizer of what was interrupted goes to its end", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      const fiber = yield* Effect.fork(Effect.onInterrupt(Effect.never, () => Effect.orDie(image.run(cmd))))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      expect([fake.named("spawnInstance").length, fake.named("cancelOperation").length]).toEqual([1, 0])
    }))

  it.effect("interrupted while it runs: one cancel, and the connection is closed", () =>
    Effect.gen(function*() {
      const fake = running(makeFake())
      const image = yield* imageOf(fake)
      const fiber = yield* Effect.fork(image.run(cmd))
      yield* fake.awaitCalls("operationEvents")
      yield* Fiber.interrupt(fiber)
      expect(fake.named("cancelOperation").length).toBe(1)
      expect(fake.operations[0]!.open).toBe(0)
    }))

  it.effect("a cancel that is not answered holds nobody up for long; one that fails is logged, one too late is not", () =>
    Effect.gen(function*() {
      const fake = running(makeFake())
      const image = yield* imageOf(fake)
      fake.before.set("cancelOperation", Effect.never)
      const fiber = yield* Effect.fork(image.run(cmd))
      yield* fake.awaitCalls("operationEvents")
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* fake.awaitCalls("cancelOperation")
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(interrupting)
      fake.before.delete("cancelOperation")
      for (const error of [new Errors.ServerError({ method: "x" }), new Errors.ConflictError({ method: "x" })]) {
        fake.failures.set("cancelOperation", [error])
        // it ends by itself just before
        yield* Effect.scoped(Effect.tap(image.start(cmd), () => Effect.sync(() => fake.operations.at(-1)!.exit(0))))
      }
      expect(fake.named("cancelOperation").length).toBe(3)
    }))

  it.effect("the end of a run that is known is not cancelled; leaving a stream early is", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.spawned().stdout("a").stdout("b")
      const image = yield* imageOf(fake)
      const [first] = yield* image.stream(cmd).pipe(Stream.take(1), Stream.runCollect)
      expect(first?.text).toBe("a")
      expect(fake.named("cancelOperation").length).toBe(1)
      fake.onSpawn = (o) => void o.stdout("a").exit(1)
      expect(Chunk.size(yield* Stream.runCollect(image.stream(cmd)))).toBe(1)
      expect(yield* Effect.flip(Stream.runDrain(image.stream(cmd, { check: true })))).toMatchObject({
        _tag: "CommandFailedError",
        stdoutTail: "a"
      })
      expect(fake.named("cancelOperation").length).toBe(1)
    }))

  it.effect("no more runs at once than configured, or than the server allows", () =>
    Effect.gen(function*() {
      for (const runs of [2, "server"] as const) {
        const fake = running(makeFake({ concurrency: { runs, imports: 1, uploads: 1 } }))
        const cap = runs === "server" ? 3 : runs
        const image = yield* imageOf(fake)
        const all = yield* Effect.fork(
          Effect.all(Array.from({ length: 7 }, () => image.run(cmd)), { concurrency: "unbounded" })
        )
        for (let done = 0; done < 7; done++) {
          yield* fake.awaitCalls("operationEvents", Math.min(7, done + cap))
          expect(fake.operations.length).toBe(Math.min(7, done + cap))
          fake.operations[done]!.exit()
        }
        yield* Fiber.join(all)
        expect(fake.named("whoami").length).toBe(runs === "server" ? 1 : 0)
      }
    }))

  it.effect("nothing secret is in an error or its cause", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.failures.set("spawnInstance", [new Errors.ServerError({ method: "spawn", status: 500 })])
      const image = yield* imageOf(fake)
      const exit = yield* Effect.exit(
        image.run(Command.exec("p", ["--key", "s3cret"]), { env: { K: Redacted.make("s3cret") } })
      )
      expect(Either.isEither(exit)).toBe(false)
      const shown = [
        String(exit),
        JSON.stringify(exit),
        inspect(exit, { depth: 20 }),
        Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
      ].join()
      expect(shown).not.toContain("s3cret")
    }))
})
