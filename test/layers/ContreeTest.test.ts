import { describe, expect, it } from "@effect/vitest"
import { Cause, DateTime, Deferred, Duration, Effect, Exit, Fiber, Option, Stream, TestClock } from "effect"
import { Command, ContreeApi, Errors, Ids, Images, Operations } from "effect-contree"
import { ContreeTest } from "effect-contree/testing"

/** What only the double does; what it has in common with a service is in test/behaviour. */
const image = Effect.flatMap(Images.Images, (images) => images.use("busybox"))
const calls = Effect.flatMap(ContreeTest.ContreeTest, (test) => test.calls)
const on = ContreeTest.on

const withRuns = (...runs: ReadonlyArray<ContreeTest.Case>) => Effect.provide(ContreeTest.layer({ runs }))

const defectOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.dieOption(exit.cause)) : undefined

describe("what a rule matches", () => {
  const { exec, shell } = Command
  const cases: ReadonlyArray<readonly [ContreeTest.Case, Command.Command, boolean]> = [
    [on(exec("ls", ["-l"]), {}), exec("ls", ["-l"]), true],
    [on(exec("ls", ["-l"]), {}), exec("ls"), false],
    [on(exec("ls"), {}), shell("ls"), false],
    [on("cat", {}), exec("/bin/cat", ["/x"]), true],
    [on("cat", {}), shell("cat"), true],
    [on("cat", {}), shell("cat /x"), false],
    [on("cat", {}), exec("cats"), false],
    [on("cat /x", {}), exec("cat", ["/x"]), true],
    [on(/sleep \d/, {}), shell("true; sleep 5"), true],
    [on(/^sleep/, {}), shell("true; sleep 5"), false],
    [on((command) => command._tag === "Shell", {}), shell("x"), true],
    [on((command) => command._tag === "Shell", {}), exec("x"), false]
  ]
  it.each(cases)("%s", ({ match }, command, expected) => expect(match(command)).toBe(expected))

  it("a regular expression with a memory has none here", () => {
    const { match } = on(/x/g, {})
    expect([match(shell("x")), match(shell("x"))]).toEqual([true, true])
  })

  it.effect("the first that matches answers", () =>
    Effect.gen(function*() {
      expect((yield* (yield* image).run(exec("x"))).stdout.text).toBe("first")
    }).pipe(withRuns(on("y", { stdout: "no" }), on("x", { stdout: "first" }), on(/x/, { stdout: "second" }))))
})

describe("recorded calls", () => {
  it.effect("hold what was asked for and how it went, in order", () =>
    Effect.gen(function*() {
      const base = yield* image
      yield* base.run(Command.exec("cat", ["-"]), {
        stdin: "in",
        env: { A: "1" },
        cwd: "/w",
        uid: 5,
        files: { "/w/f": "content" },
        disposable: false
      })
      const pinned = yield* Effect.flatMap(Images.Images, (images) => images.use("busybox", { strict: true }))
      yield* pinned.run(Command.shell("exit 3"))
      const [first, second, ...more] = yield* calls
      expect(more).toEqual([])
      expect(first).toMatchObject({
        command: Command.exec("cat", ["-"]),
        image: pinned.id.value,
        tag: "busybox",
        env: { A: "1" },
        cwd: "/w",
        disposable: false,
        spid: 1,
        request: { uid: 5 },
        outcome: { _tag: "Exited", code: 0 }
      })
      expect(new TextDecoder().decode(first?.stdin)).toBe("in")
      expect([...(first?.files ?? [])]).toEqual([["/w/f", new TextEncoder().encode("content")]])
      expect([...(first?.tree.keys() ?? [])]).toEqual(["/etc/passwd", "/w/f"])
      expect(second).toMatchObject({ tag: undefined, disposable: true, outcome: { _tag: "Exited", code: 3 } })
    }).pipe(Effect.provide(ContreeTest.layer({
      images: { "busybox:latest": { "/etc/passwd": "root" } },
      runs: [on("cat", {}), on(/exit/, { exitCode: 3 })]
    }))))

  it.effect("a run that was interrupted is there, one that goes on is not", () =>
    Effect.gen(function*() {
      const base = yield* image
      const process = yield* base.start(Command.exec("sleep"))
      const fiber = yield* Effect.fork(base.run(Command.exec("sleep", ["2"])))
      yield* Effect.flatMap(Operations.Operations, (operations) => operations.list()).pipe(
        Effect.repeat({ until: (found) => found.length === 2 })
      )
      yield* Fiber.interrupt(fiber)
      expect((yield* calls).map(({ command, outcome }) => [ContreeTest.text(command), outcome])).toEqual([
        ["sleep 2", "Interrupted"]
      ])
      yield* TestClock.adjust("1 hour")
      expect(yield* process.exitCode).toBe(0)
      expect((yield* calls).map(({ outcome }) => outcome)).toEqual([{ _tag: "Exited", code: 0 }, "Interrupted"])
    }).pipe(Effect.scoped, withRuns(on("sleep", { delay: "1 hour" }))))
})

describe("a command without an answer", () => {
  it.effect("is a defect that no recovery from errors hides, and says what is scripted", () =>
    Effect.gen(function*() {
      const exit = yield* (yield* image).run(Command.exec("ls", ["-l"])).pipe(
        Effect.catchAll(() => Effect.succeed("recovered")),
        Effect.exit
      )
      const defect = defectOf(exit)
      expect(defect).toBeInstanceOf(ContreeTest.UnscriptedCommand)
      expect(String(defect)).toContain("no answer for Command.exec(\"ls\", [\"-l\"]) (in tag:busybox)")
      expect(String(defect)).toContain("1. Command.shell(\"ls\")")
      expect(String(defect)).toContain("2. \"cat\"")
      expect(String(defect)).toContain("3. /sleep/i")
      const test = yield* ContreeTest.ContreeTest
      expect(yield* test.unscripted).toEqual([Command.exec("ls", ["-l"])])
      expect(yield* test.calls).toEqual([])
      // the place among the concurrent runs was given back, and the double lives on
      expect((yield* (yield* image).run(Command.exec("cat"))).exitCode).toBe(0)
    }).pipe(withRuns(on(Command.shell("ls"), {}), on("cat", {}), on(/sleep/i, {}))))

  it.effect("`true` needs none, and can have one", () =>
    Effect.gen(function*() {
      expect((yield* (yield* image).run(Command.exec("true"))).exitCode).toBe(0)
      const exit = yield* Effect.exit((yield* image).run(Command.exec("false")))
      expect(String(defectOf(exit))).toContain("Nothing is scripted.")
    }).pipe(Effect.provide(ContreeTest.layer())))
})

describe("time is the program's", () => {
  it.effect("nothing moves before the clock does", () =>
    Effect.gen(function*() {
      const seen: Array<readonly [string, number]> = []
      const fiber = yield* (yield* image).stream(Command.exec("count")).pipe(
        Stream.runForEach((out) => Effect.sync(() => void seen.push([out.text, DateTime.toEpochMillis(out.at)]))),
        Effect.fork
      )
      yield* TestClock.adjust("1 second")
      expect(seen).toEqual([["now", 0], ["one", 1000]])
      yield* TestClock.adjust("10 seconds")
      expect(seen).toEqual([["now", 0], ["one", 1000], ["two", 3000]])
      expect(fiber.unsafePoll()).toBeNull()
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
    }).pipe(withRuns(on("count", {
      stdout: "now",
      output: [{ delay: "1 second", stdout: "one" }, { delay: "2 seconds", stdout: "two" }],
      delay: "1 minute"
    }))))

  it.effect("a run that takes as long as its timeout is over in time, one that takes longer is not", () =>
    Effect.gen(function*() {
      const base = yield* image
      const run = (timeout: Duration.DurationInput) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(base.run(Command.exec("x"), { timeout }))
          yield* TestClock.adjust("1 hour")
          const result = yield* Fiber.join(fiber)
          return [result.exit._tag, result.stdout.text, Duration.toSeconds(result.elapsed)]
        })
      expect(yield* run("10 seconds")).toEqual(["Exited", "abc", 10])
      expect(yield* run("9 seconds")).toEqual(["TimedOut", "abc", 9])
      expect(yield* run("4 seconds")).toEqual(["TimedOut", "a", 4])
    }).pipe(
      withRuns(on("x", { stdout: "a", output: [{ delay: 5000, stdout: "b" }, { stdout: "c" }], delay: 5000 }))
    ))

  it.effect("handlers and streams are bounded by the timeout too", () =>
    Effect.gen(function*() {
      const base = yield* image
      for (const name of ["handler", "stream"]) {
        const fiber = yield* Effect.fork(base.run(Command.exec(name), { timeout: "3 seconds" }))
        yield* TestClock.adjust("3 seconds")
        expect((yield* Fiber.join(fiber)).exit).toEqual({ _tag: "TimedOut" })
      }
    }).pipe(withRuns(on("handler", () => Effect.never), on("stream", { output: Stream.never }))))

  it.effect("a whole exercise gives the same ids and times again", () => {
    const exercise = Effect.gen(function*() {
      const result = yield* (yield* image).run(Command.exec("x"), { disposable: false })
      return [result.operationId, result.image.id.value, Duration.toMillis(result.elapsed)]
    }).pipe(withRuns(on("x", { writes: { "/x": "" } })))
    return Effect.gen(function*() {
      expect(yield* exercise).toEqual(yield* exercise)
    })
  })
})

describe("handlers", () => {
  it.effect("what does not wait answers the request: its failure refuses it", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip((yield* image).run(Command.exec("x")))
      expect(error).toBeInstanceOf(Errors.RateLimitedError)
      expect(yield* Effect.flatMap(Operations.Operations, (operations) => operations.list())).toEqual([])
      expect((yield* calls).map(({ outcome }) => outcome)).toEqual([{ _tag: "Unknown" }])
    }).pipe(withRuns(on("x", () => Effect.fail(new Errors.RateLimitedError({ method: "test" }))))))

  it.effect("what waits is a run, and its failure the run's; both ways for a failed operation", () =>
    Effect.gen(function*() {
      const base = yield* image
      const fiber = yield* Effect.fork(Effect.flip(base.run(Command.exec("later"))))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(fiber)).toMatchObject({
        _tag: "FailedOperationError",
        description: expect.stringContaining("the server could not be reached")
      })
      const failed = yield* Effect.flip(base.run(Command.exec("failed")))
      expect(failed).toMatchObject({ _tag: "FailedOperationError", description: "no disk", stdoutTail: "" })
      expect((yield* Effect.flip(base.run(Command.exec("cancelled"))))._tag).toBe("CancelledOperationError")
      const reason = yield* Effect.flip(base.run(Command.exec("reason")))
      expect(reason).toMatchObject({ _tag: "FailedOperationError", description: "worker lost" })
      const operations = yield* Effect.flatMap(Operations.Operations, (all) => all.list())
      expect(operations.map(({ error, status }) => [status, Option.getOrNull(error)?.slice(0, 11)])).toEqual([
        ["Failed", "worker lost"],
        ["Cancelled", undefined],
        ["Failed", "no disk"],
        ["Failed", "test: the s"]
      ])
    }).pipe(withRuns(
      on("later", () => Effect.delay(Effect.fail(new Errors.TransportError({ method: "test" })), "1 second")),
      on(
        "failed",
        ({ operationId }) =>
          Effect.fail(new Errors.FailedOperationError({ method: "test", operationId, description: "no disk" }))
      ),
      on(
        "cancelled",
        ({ operationId }) => Effect.fail(new Errors.CancelledOperationError({ method: "test", operationId }))
      ),
      on("reason", { stdout: "so far", failure: "worker lost" })
    )))

  it.effect("cancelling a run interrupts its handler, and is over when that is", () =>
    Effect.gen(function*() {
      const [begun, ended] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.fork((yield* image).run(Command.exec("x")))
        yield* Deferred.await(begun)
        yield* Fiber.interrupt(fiber)
        expect(yield* Deferred.isDone(ended)).toBe(true)
      }).pipe(withRuns(on("x", () =>
        Deferred.succeed(begun, undefined).pipe(
          Effect.zipRight(Effect.never),
          Effect.onInterrupt(() => Deferred.succeed(ended, undefined))
        ))))
    }))

  it.effect("a defect of a handler is the program's, at once or later", () =>
    Effect.gen(function*() {
      const base = yield* image
      for (const name of ["thrown", "at once", "code", "writes"]) {
        const exit = yield* Effect.exit(base.run(Command.exec(name)))
        expect([name, String(defectOf(exit))]).toEqual([
          name,
          expect.stringMatching(/mistake|exitCode is 300|relative/)
        ])
      }
      const fiber = yield* Effect.fork(Effect.exit(base.run(Command.exec("later"))))
      yield* TestClock.adjust("1 second")
      expect(String(defectOf(yield* Fiber.join(fiber)))).toContain("mistake")
    }).pipe(withRuns(
      on("thrown", () => {
        throw new Error("mistake")
      }),
      on("at once", () => Effect.die(new Error("mistake"))),
      on("code", { exitCode: 300 }),
      on("writes", { writes: { relative: "" } }),
      on("later", () => Effect.delay(Effect.die(new Error("mistake")), "1 second"))
    )))

  it.effect("`runs` may be one handler for all", () =>
    Effect.gen(function*() {
      expect((yield* (yield* image).run(Command.shell("echo $1"))).stdout.text).toBe("echo $1")
    }).pipe(Effect.provide(ContreeTest.layer({ runs: ({ command }) => ({ stdout: ContreeTest.text(command) }) }))))
})

describe("replies", () => {
  it.effect("pieces, bytes, both streams, and an end that nobody reported", () =>
    Effect.gen(function*() {
      const result = yield* (yield* image).run(Command.exec("x"))
      expect(result.stdout.text).toBe("abA")
      expect(result.stderr.text).toBe("cd")
      expect(result.exit).toEqual({ _tag: "Unknown" })
    }).pipe(withRuns(on("x", {
      stdout: ["a", "b", Uint8Array.of(65)],
      stderr: ["c", "d"],
      exit: { _tag: "Unknown" }
    }))))

  it.effect("input that is still open: what came with the start is `stdin`, all of it is `input`", () =>
    Effect.gen(function*() {
      const api = yield* ContreeApi.ContreeApi
      const id = yield* api.spawnInstance({
        command: "cat",
        image: "tag:busybox",
        disposable: true,
        stdin: { value: "1", close: false }
      })
      const main = Ids.Spid.make(1)
      const write = (text: string, close?: boolean) =>
        api.writeSubprocessStdin(id, main, { bytes: new TextEncoder().encode(text), close })
      const output = api.operationEvents(id, { follow: true }).pipe(Stream.filter(({ type }) => type === "stdout"))
      yield* write("2")
      expect((yield* Stream.runCollect(Stream.take(output, 2))).length).toBe(2)
      yield* write("3", true)
      // closing the scope would cancel what goes on
      const result = yield* Effect.flatMap(Operations.Operations, (operations) => operations.attach(id)).pipe(
        Effect.flatMap((process) => process.result),
        Effect.scoped
      )
      expect(result.stdout.text).toBe("123")
      expect(new TextDecoder().decode((yield* calls)[0]?.stdin)).toBe("123")
      expect(yield* Effect.flip(write("4"))).toMatchObject({ _tag: "ConflictError", status: 409 })
    }).pipe(withRuns(on("cat", ({ input }) => ({ output: Stream.map(input, (stdout) => ({ stdout })) })))))

  it.effect("a folder of its own, and a path that goes", () =>
    Effect.gen(function*() {
      const { image: next } = yield* (yield* image).run(Command.exec("x"), { disposable: false })
      expect((yield* next.ls("/")).map(({ _tag, name }) => `${_tag} ${name}`)).toEqual([
        "Directory empty",
        "Directory kept"
      ])
      expect(yield* next.ls("/kept")).toEqual([])
    }).pipe(Effect.provide(ContreeTest.layer({
      images: { busybox: { "/gone/a": "1", "/gone/b/c": "2", "/kept/file": "3" } },
      runs: [on("x", { writes: { "/gone": null, "/kept/file": null, "/empty/": "" } })]
    }))))
})

describe("processes beside the command", () => {
  it.effect("are answered, killed, and gone with it", () =>
    Effect.gen(function*() {
      const api = yield* ContreeApi.ContreeApi
      const id = yield* api.spawnInstance({ command: "main", image: "tag:busybox", disposable: false })
      const quick = yield* api.createSubprocess(id, { command: "quick" })
      const long = yield* api.createSubprocess(id, { command: "long" })
      const left = yield* api.createSubprocess(id, { command: "long" })
      expect([quick, long, left]).toEqual([2, 3, 4])
      expect((yield* api.getSubprocess(id, long)).state).toMatchObject({ exit_code: -1, signal: -1 })
      yield* api.killSubprocess(id, long, "TERM")
      expect((yield* api.getSubprocess(id, long)).state).toMatchObject({ exit_code: -1, signal: 15 })
      expect((yield* Effect.flip(api.killSubprocess(id, long)))._tag).toBe("ConflictError")
      expect((yield* Effect.flip(api.killSubprocess(id, left, "NONE")))._tag).toBe("BadRequestError")
      expect((yield* Effect.flip(api.getSubprocess(id, Ids.Spid.make(9))))._tag).toBe("NotFoundError")
      yield* TestClock.adjust("1 minute")
      const operation = yield* api.getOperation(id)
      expect(operation.status).toBe("SUCCESS")
      const listed = yield* api.listDirectory(operation.result_image_uuid!, "/")
      expect(listed.files.map(({ path }) => path)).toEqual(["main", "quick"])
      expect((yield* calls).map(({ command, outcome, spid }) => [ContreeTest.text(command), spid, outcome])).toEqual([
        ["main", 1, { _tag: "Exited", code: 0 }],
        ["quick", 2, { _tag: "Exited", code: 0 }],
        ["long", 3, { _tag: "Signaled", signal: 15 }],
        ["long", 4, "Interrupted"]
      ])
      expect((yield* Effect.flip(api.createSubprocess(id, { command: "quick" })))._tag).toBe("ConflictError")
    }).pipe(withRuns(
      on("main", { delay: "1 minute", writes: { "/main": "" } }),
      on("quick", { writes: { "/quick": "" } }),
      on("long", { delay: "1 hour" })
    )))
})

describe("images and imports", () => {
  const script: ContreeTest.Script = {
    images: { "tag:plain": { "/p": "" }, "00000000-0000-4000-8000-0000000000aa": { "/id": "" }, "alpine:3.20": {} },
    imports: { "ghcr.io/team/app:1": { "/app": "1" } }
  }
  const importing = (url: string, tag?: string) =>
    Effect.gen(function*() {
      const api = yield* ContreeApi.ContreeApi
      const id = yield* api.importImage({ registry: { url }, ...(tag === undefined ? {} : { tag }) })
      return yield* api.getOperation(id)
    })

  it.effect("are named by tag, id or reference", () =>
    Effect.gen(function*() {
      const images = yield* Images.Images
      const names = [
        "tag:plain",
        "00000000-0000-4000-8000-0000000000aa",
        "alpine:3.20",
        "docker.io/library/alpine:3.20"
      ]
      for (const name of names) yield* images.use(name, { strict: true })
      expect((yield* Effect.flip(images.use("alpine", { strict: true })))._tag).toBe("NotFoundError")
      expect((yield* Effect.flip(images.use("busybox", { strict: true })))._tag).toBe("NotFoundError")
    }).pipe(Effect.provide(ContreeTest.layer(script))))

  it.effect("imports have what the script names, once, and nothing else", () =>
    Effect.gen(function*() {
      const first = yield* importing("docker://ghcr.io/team/app:1", "app")
      expect(first).toMatchObject({ status: "SUCCESS", kind: "image_import", result: { tag: "app" } })
      expect((yield* importing("oci://ghcr.io/team/app:1")).result_image_uuid).toBe(first.result_image_uuid)
      const app = yield* Effect.flatMap(Images.Images, (images) => images.use("tag:app"))
      expect(yield* app.readText("/app")).toBe("1")
      const nothing = yield* importing("docker://docker.io/library/nothing")
      expect(nothing).toMatchObject({ status: "FAILED", error: expect.stringContaining("docker.io/library/nothing") })
      const error = yield* Effect.flip(Effect.flatMap(Operations.Operations, (all) => all.wait(nothing.uuid)))
      expect(error._tag).toBe("FailedOperationError")
    }).pipe(Effect.provide(ContreeTest.layer(script))))

  it.effect.each(["relative", "/a/../b", "/f/below"])(
    "a script with the path %s is a mistake",
    (path) =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(
          Effect.provide(image, ContreeTest.layer({ images: { x: { "/f": "", [path]: "" } } }))
        )
        expect(String(defectOf(exit))).toContain(`ContreeTest: images["x"]: ${JSON.stringify(path)}`)
      })
  )
})

describe("reset", () => {
  it.effect("is as if nothing had happened", () =>
    Effect.gen(function*() {
      const test = yield* ContreeTest.ContreeTest
      const base = yield* image
      const before = yield* base.run(Command.exec("x"), { disposable: false, tag: "made" })
      const process = yield* base.start(Command.exec("long"))
      yield* test.reset
      expect(yield* test.calls).toEqual([])
      expect(yield* Effect.flatMap(Operations.Operations, (all) => all.list())).toEqual([])
      expect((yield* Effect.flip(before.image.ls("/")))._tag).toBe("NotFoundError")
      expect((yield* Effect.flip(process.isRunning))._tag).toBe("NotFoundError")
      const after = yield* base.run(Command.exec("x"), { disposable: false })
      expect(after.image.id.value).toBe(before.image.id.value)
    }).pipe(Effect.scoped, withRuns(on("x", { writes: { "/x": "" } }), on("long", { delay: "1 hour" }))))
})

describe("a layer that is closed", () => {
  it.effect("ends what still runs", () =>
    Effect.gen(function*() {
      const ended = yield* Deferred.make<void>()
      yield* Effect.gen(function*() {
        const process = yield* Effect.scoped(
          Effect.flatMap(image, (base) => Effect.tap(base.start(Command.exec("x")), (started) => started.detach))
        )
        expect(yield* process.isRunning).toBe(true)
      }).pipe(withRuns(on("x", () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(ended, undefined)))))
      expect(yield* Deferred.isDone(ended)).toBe(true)
    }))
})
