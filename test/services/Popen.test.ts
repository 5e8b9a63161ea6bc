import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Exit, Fiber, Scope, Sink, Stream } from "effect"
import type { Image, Process } from "effect-contree"
import { Command, Errors } from "effect-contree"
import type { FakeOperation } from "../support/fakeApi.js"
import { imageOf, makeFake } from "../support/fakeApi.js"

const on = (write: (operation: FakeOperation) => void) =>
  Effect.gen(function*() {
    const fake = makeFake()
    fake.onSpawn = write
    return { fake, image: yield* imageOf(fake), operation: () => fake.operations.at(-1)! }
  })

/** reads its input to the end, then writes it out */
const cat = (o: FakeOperation) => {
  o.spawned()
  const reply = () => void o.stdout(Buffer.concat(o.input.pieces)).stderr("done\n").exit(0)
  o.onInput = (_, input) => {
    if (input.isClosed) reply()
  }
  if (o.input.isClosed) reply()
}

describe("popen", () => {
  it.scoped("a list is a program and its arguments, a text with shell a script; its image is thrown away", () =>
    Effect.gen(function*() {
      const { fake, image } = yield* on((o) => void o.exit(0))
      yield* image.popen(["ls", "-l", "/a b"], { cwd: "/tmp", env: { A: "1" }, timeout: "2 seconds" })
      yield* image.popen("ls | wc", { shell: true, input: "x" })
      yield* image.popen(["cat"], { stdin: "pipe" })
      yield* image.popen(["cat"], { input: "pipe" })
      const common = { image: fake.operations[0]!.request.image, disposable: true }
      expect(fake.operations.map((o) => o.request)).toEqual([
        { ...common, command: "ls", args: ["-l", "/a b"], cwd: "/tmp", env: { A: "1" }, timeout: 2 },
        { ...common, command: "ls | wc", shell: true, stdin: { value: "x", encoding: "ascii", close: true } },
        { ...common, command: "cat", stdin: { value: "", encoding: "ascii", close: false } },
        { ...common, command: "cat", stdin: { value: "pipe", encoding: "ascii", close: true } }
      ])
    }))

  it.scoped("contradictions are refused before anything is sent", () =>
    Effect.gen(function*() {
      const { fake, image } = yield* on(() => {})
      const popen = image.popen as (
        args: unknown,
        options?: unknown
      ) => Effect.Effect<unknown, Errors.SpawnError, Scope.Scope>
      const cases: ReadonlyArray<readonly [string, unknown, unknown]> = [
        ["args", "ls", undefined],
        ["args", "ls", { shell: false }],
        ["args", ["ls"], { shell: true }],
        ["args", [], undefined],
        ["input", ["cat"], { stdin: "a", input: "b" }],
        ["input", ["cat"], { stdin: "pipe", input: "" }]
      ]
      for (const [argument, args, options] of cases) {
        expect(yield* Effect.flip(popen(args, options))).toMatchObject({
          _tag: "InvalidArgumentError",
          method: "Image.popen",
          argument
        })
      }
      expect(fake.calls).toEqual([])
    }))

  it.scoped("wait gives the code, with output unread; returncode knows it from then on", () =>
    Effect.gen(function*() {
      const { fake, image, operation } = yield* on((o) => void o.spawned().stdout("x".repeat(100_000)))
      const process = yield* image.popen(["x"])
      const waiting = yield* Effect.fork(process.wait)
      yield* fake.awaitCalls("operationEvents")
      expect(yield* process.returncode).toBeUndefined()
      operation().exit(3)
      expect(yield* Fiber.join(waiting)).toBe(3)
      const before = fake.calls.length
      expect(yield* process.returncode).toBe(3)
      expect(fake.calls.length).toBe(before)
    }))

  it.scoped("communicate writes, ends stdin, and gives all output; its streams can be read as well", () =>
    Effect.gen(function*() {
      const { image } = yield* on(cat)
      const process = yield* image.popen(["cat"], { stdin: "pipe", text: true })
      expect(yield* process.communicate("h\u00e9")).toEqual({ stdout: "h\u00e9", stderr: "done\n" })
      expect(yield* process.returncode).toBe(0)
      expect(Chunk.join(yield* Stream.runCollect(process.stdout), "")).toBe("h\u00e9")
      expect(yield* process.communicate()).toEqual({ stdout: "h\u00e9", stderr: "done\n" })
      const bytes = yield* (yield* image.popen(["cat"], { input: Uint8Array.of(255) })).communicate()
      expect(bytes.stdout).toEqual(Uint8Array.of(255))
    }))

  it.scoped("communicate that was interrupted before the end of stdin leaves it to the next", () =>
    Effect.gen(function*() {
      const { fake, image } = yield* on(cat)
      const process = yield* image.popen(["cat"], { stdin: "pipe", text: true })
      const answer = yield* Deferred.make<void>()
      fake.before.set("writeSubprocessStdin", Deferred.await(answer))
      const first = yield* Effect.fork(process.communicate("half"))
      yield* fake.awaitCalls("writeSubprocessStdin")
      yield* Fiber.interruptFork(first)
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.await(first)
      expect((yield* process.communicate()).stderr).toBe("done\n")
    }))

  it.scoped("text is whole characters, wherever the pieces were cut", () =>
    Effect.gen(function*() {
      const { image } = yield* on((o) => void o.stdout(Uint8Array.of(0xc3)).stdout(Uint8Array.of(0xa9, 0xc3)).exit(0))
      const process = yield* image.popen(["x"], { text: true })
      expect(Chunk.toReadonlyArray(yield* Stream.runCollect(process.stdout))).toEqual(["\u00e9", "\ufffd"])
      expect((yield* process.communicate()).stdout).toBe("\u00e9\ufffd")
    }))

  it.scoped("input for a stdin that is not open, or no more, is refused", () =>
    Effect.gen(function*() {
      const { fake, image } = yield* on(cat)
      const closed = yield* image.popen(["cat"])
      expect(yield* Effect.flip(closed.communicate("x"))).toMatchObject({ _tag: "InvalidArgumentError" })
      const open = yield* image.popen(["cat"], { stdin: "pipe" })
      yield* open.communicate("x")
      const before = fake.named("writeSubprocessStdin").length
      expect(yield* Effect.flip(open.communicate("y"))).toMatchObject({ _tag: "InvalidArgumentError" })
      expect(fake.named("writeSubprocessStdin").length).toBe(before)
    }))

  it.scoped("a process that ends without reading its input has answered all the same", () =>
    Effect.gen(function*() {
      const { image } = yield* on((o) => void o.stdout("early").exit(0))
      const process = yield* image.popen(["true"], { stdin: "pipe", text: true })
      expect(yield* process.communicate("unread")).toEqual({ stdout: "early", stderr: "" })
    }))

  it.scoped("check fails wait and communicate alike, with the last words", () =>
    Effect.gen(function*() {
      const { image } = yield* on((o) => void o.stdout("out").stderr("why").exit(2))
      const process = yield* image.popen(["x"], { check: true })
      for (const use of [Effect.asVoid(process.wait), Effect.asVoid(process.communicate())]) {
        expect(yield* Effect.flip(use)).toMatchObject({
          _tag: "CommandFailedError",
          exit: { _tag: "Exited", code: 2 },
          stdoutTail: "out",
          stderrTail: "why"
        })
      }
      expect(yield* process.returncode).toBe(2)
      expect(yield* (yield* image.popen(["x"])).wait).toBe(2)
    }))

  it.scoped("what is ignored is empty, may be cut, and is not in the way", () =>
    Effect.gen(function*() {
      const { image } = yield* on((o) => void o.stdout("abc").truncate("stdout", 9).stderr("e").exit(0))
      const process = yield* image.popen(["x"], { stdout: "ignore", text: true })
      expect(yield* process.communicate()).toEqual({ stdout: "", stderr: "e" })
      expect(yield* Stream.runCount(process.stdout)).toBe(0)
      const whole = yield* image.popen(["x"])
      expect(yield* Effect.flip(whole.communicate())).toBeInstanceOf(Errors.OutputTruncatedError)
    }))

  it.scoped("a sink takes its stream whoever waits; wait is over when it is, and fails as it does", () =>
    Effect.gen(function*() {
      const { fake, image, operation } = yield* on((o) => void o.spawned().stdout("a"))
      const seen: Array<string> = []
      const sink = Sink.forEach((b: Uint8Array) => Effect.sync(() => seen.push(Buffer.from(b).toString())))
      const process = yield* image.popen(["x"], { stdout: sink })
      yield* fake.awaitCalls("operationEvents")
      operation().stdout("b").exit(0)
      expect(yield* process.wait).toBe(0)
      expect(seen).toEqual(["a", "b"])
      expect((yield* process.communicate()).stdout).toEqual(new Uint8Array(0))
      // the process still runs: what failed does not wait for it
      const failing = yield* image.popen(["x"], { stderr: Sink.fail("full") })
      expect(yield* Effect.flip(failing.wait)).toBe("full")
    }))

  it.effect("closing its scope cancels the run", () =>
    Effect.gen(function*() {
      const { fake, image } = yield* on((o) => void o.spawned())
      const scope = yield* Scope.make()
      yield* Scope.extend(image.popen(["x"]), scope)
      yield* Scope.close(scope, Exit.void)
      expect(fake.named("cancelOperation").length).toBe(1)
    }))

  it.effect("the image of a disposable run has none", () =>
    Effect.gen(function*() {
      const { image } = yield* on((o) => void o.exit(0))
      const { image: over } = yield* image.run(Command.exec("true"))
      expect(yield* Effect.flip(over.popen(["x"]))).toBeInstanceOf(Errors.DisposableImageRunError)
    }))
})

/** what types say of contradictions; never run */
export const refused = (image: Image.Image, flag: boolean) => {
  const text: Effect.Effect<Process.Popen<true, never>, Errors.SpawnError, Scope.Scope> = image.popen(["x"], {
    text: true
  })
  const checked: Effect.Effect<Process.Popen<false, Errors.CommandFailedError>, Errors.SpawnError, Scope.Scope> = image
    .popen("x", { shell: true, check: flag })
  return [
    text,
    checked,
    // @ts-expect-error a text is a script
    image.popen("ls"),
    // @ts-expect-error a list is none
    image.popen(["ls"], { shell: true }),
    // @ts-expect-error nothing to run
    image.popen([]),
    // @ts-expect-error one of them
    image.popen(["cat"], { stdin: "a", input: "b" }),
    // @ts-expect-error a path is no sink
    image.popen(["ls"], { stdout: "./file" })
  ]
}
