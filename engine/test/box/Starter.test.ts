import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Either, Exit, Fiber, Scope } from "effect"
import * as Fs from "node:fs"
import * as BoxFixture from "./BoxFixture.js"

const shells = (): ReadonlyArray<number> =>
  BoxFixture.processesWith(`contree-local-starter ${process.pid}`).map((line) => Number(/^\d+/.exec(line)?.[0]))

const pidsGroups = "/sys/fs/cgroup/pids"

describe("the shell that starts chains", () => {
  it.scopedLive(
    "is another one when its sockets are used up, and none is left in the end",
    () =>
      Effect.gen(function*() {
        const store = yield* BoxFixture.makeStore
        const scope = yield* Scope.make()
        const box = yield* Scope.extend(BoxFixture.on(store), scope)
        const first = yield* box.sh("echo 0")
        const [shell] = shells()
        expect([first.report.code, shells().length]).toEqual([0, 1])
        const numbers = Array.from({ length: 40 }, (_, n) => n)
        const all = yield* Effect.forEach(numbers, (n) => box.sh(`echo ${n}`), { concurrency: 4 })
        expect(all.map(({ stdout }) => stdout.toString())).toEqual(numbers.map((n) => `${n}\n`))
        yield* BoxFixture.eventually(
          "the first shell is gone",
          () => shells().length === 1 && !shells().includes(shell!)
        )
        yield* Scope.close(scope, Exit.void)
        expect(shells()).toEqual([])
      }),
    { timeout: 60_000 }
  )

  it.scopedLive("makes no command deaf to signals", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.on(yield* BoxFixture.makeStore)
      const { stdout } = yield* box.run({ command: "grep", args: ["SigIgn", "/proc/self/status"] })
      expect(stdout.toString()).toBe("SigIgn:\t0000000000000000\n")
    }))

  it.scopedLive(
    "takes its boxes with it when it is killed, and the next run has another",
    () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.on(yield* BoxFixture.makeStore)
        const fiber = yield* Effect.fork(
          box.run({ command: "sleep", args: ["1000"] }, {
            onSpawn: () => Effect.sync(() => process.kill(shells()[0]!, 9))
          })
        )
        const { report } = yield* Fiber.join(fiber)
        expect([report.killedFromOutside, report.code]).toEqual([true, -1])
        expect((yield* box.sh("echo again")).stdout.toString()).toBe("again\n")
      }),
    { timeout: 60_000 }
  )

  it.scopedLive(
    "leaves no run waiting when it is killed while the run begins",
    () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.on(yield* BoxFixture.makeStore)
        for (const millis of [0, 2, 5, 10, 15, 20, 25, 30, 40, 60]) {
          yield* box.sh("true")
          const fiber = yield* Effect.fork(Effect.either(box.run({ command: "sleep", args: ["1"] })))
          yield* Effect.sleep(millis)
          for (const shell of shells()) process.kill(shell, 9)
          // so that the engine hears of the shell's death and of what its chain said at once
          for (const until = performance.now() + 20; performance.now() < until;);
          const end = yield* Fiber.join(fiber)
          // the run may have had another shell already
          if (Either.isLeft(end)) expect(end.left.reason, `after ${millis} ms`).toBe("StartFailed")
          else expect([-1, 0], `after ${millis} ms`).toContain(end.right.report.code)
        }
      }),
    { timeout: 60_000 }
  )

  it.scopedLive(
    "that is stopped keeps no run from being given up, and what it begins later goes no further",
    () =>
      Effect.gen(function*() {
        const store = yield* BoxFixture.makeStore
        const box = yield* BoxFixture.on(store)
        // takes the chain that was made ahead: another has to begin
        yield* box.sh("true")
        const spawned = yield* Deferred.make<void>()
        const other = yield* Effect.fork(
          box.run({ command: "sleep", args: ["1000"] }, { onSpawn: () => Deferred.succeed(spawned, undefined) })
        )
        yield* Deferred.await(spawned)
        const [shell] = shells()
        process.kill(shell!, "SIGSTOP")
        const fiber = yield* Effect.fork(box.run({ command: "sleep", args: ["1000"] }))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(fiber)
        process.kill(shell!, "SIGCONT")
        yield* Fiber.interrupt(other)
        // after all that it was told before
        expect((yield* box.sh("echo again")).stdout.toString()).toBe("again\n")
        yield* BoxFixture.eventually("nothing is left", () => BoxFixture.busyWith(store, store).length === 0)
      }),
    { timeout: 60_000 }
  )

  it.scopedLive("that can make no process fails the run, and keeps those that go on", () =>
    Effect.gen(function*() {
      if (!BoxFixture.isRoot || !Fs.existsSync(`${pidsGroups}/cgroup.procs`)) {
        return console.warn("NOT RUN: bounding the shell's processes needs root and a cgroup v1")
      }
      const box = yield* BoxFixture.on(yield* BoxFixture.makeStore)
      const group = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(`${pidsGroups}/contree-test-`)),
        (path) =>
          BoxFixture.eventually("the group is empty", () => Fs.readFileSync(`${path}/cgroup.procs`, "utf8") === "")
            .pipe(Effect.zipRight(Effect.sync(() => Fs.rmdirSync(path))))
      )
      const { report } = yield* box.run({ command: "cat", stdin: "open" }, {
        onSpawn: (handle) =>
          Effect.gen(function*() {
            Fs.writeFileSync(`${group}/pids.max`, "1")
            Fs.writeFileSync(`${group}/cgroup.procs`, String(shells()[0]))
            const refused = yield* Effect.either(box.run({}))
            expect(Either.isLeft(refused) && refused.left.message).toMatch(/no process could be made.*ulimit -u/)
            yield* Effect.orDie(handle.writeStdin(new Uint8Array(0), true))
          })
      })
      expect(report.code).toBe(0)
      expect((yield* box.sh("echo again")).stdout.toString()).toBe("again\n")
    }), { timeout: 60_000 })
})
