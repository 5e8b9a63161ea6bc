import { describe, expect, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Scope } from "effect"
import * as Fs from "node:fs"
import * as HostProcesses from "../../src/box/HostProcesses.js"
import * as Box from "../../src/box/Box.js"
import * as Cgroups from "../../src/box/Cgroups.js"
import * as BoxFixture from "./BoxFixture.js"

const { text } = BoxFixture

const descriptors = (): number => Fs.readdirSync("/proc/self/fd").length

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** What a run leaves: its upper and overlayfs' work folder. */
const left = (store: string, upper: string): ReadonlyArray<string> =>
  Fs.readdirSync(`${store}/${upper.slice(0, -2)}`).sort()

layer(BoxFixture.layer, { timeout: "5 minutes" })("the end of a box", (it) => {
  describe("a timeout", () => {
    it.effect("kills the command and everything that it started", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const started = performance.now()
        const { report, spec, stdout } = yield* box.sh(
          "trap '' TERM INT HUP; sleep 1000 & setsid sleep 1000 & (setsid sh -c 'sleep 1000 & sleep 1000' &); echo on; sleep 1000",
          { timeoutSeconds: 4 }
        )
        expect(report).toMatchObject({ code: -1, signal: 9, timedOut: true, killedFromOutside: false })
        expect(Option.isSome(report.resources)).toBe(true)
        expect(text(stdout)).toBe("on\n")
        expect(performance.now() - started).toBeLessThan(200_000)
        expect(BoxFixture.processesWith(spec.operationId)).toEqual([])
        expect(left(box.store, spec.upper)).toEqual(["u", "w"])
      }))

    it.effect("is none for a command that ends before", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const { report } = yield* box.sh("kill -9 $$", { timeoutSeconds: 30 })
        expect(report).toMatchObject({ signal: 9, timedOut: false })
      }))
  })

  describe("an interruption", () => {
    it.effect("kills everything and is done when it is dead", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const spawned = yield* Deferred.make<void>()
        const spec = box.spec({ command: "setsid sleep 1000 & while :; do echo x >> /f; done", shell: true })
        const fiber = yield* Effect.fork(box.launcher.run(spec, {
          onSpawn: () => Deferred.succeed(spawned, undefined),
          onOutput: () => Effect.void
        }))
        yield* Deferred.await(spawned)
        yield* BoxFixture.eventually("the file grows", () => Fs.existsSync(`${box.store}/${spec.upper}/f`))
        yield* Fiber.interrupt(fiber)
        expect(BoxFixture.processesWith(spec.operationId)).toEqual([])
        expect(left(box.store, spec.upper)).toEqual(["u", "w"])
        const size = Fs.statSync(`${box.store}/${spec.upper}/f`).size
        yield* Effect.promise(() => pause(30))
        expect(Fs.statSync(`${box.store}/${spec.upper}/f`).size).toBe(size)
      }))

    it.effect("at any moment leaves no process, no file and no descriptor", () =>
      Effect.gen(function*() {
        const { store } = yield* BoxFixture.Fixture
        const before = descriptors()
        const scope = yield* Scope.make()
        const box = yield* Scope.extend(BoxFixture.on(store), scope)
        yield* box.run({})
        // from before the first system call to after the command's start, in steps no machine's speed can skip
        const attempt = (millis: number) =>
          Effect.gen(function*() {
            const spec = box.spec({
              command: "sleep 1000",
              shell: true,
              stdin: new Uint8Array(100_000),
              files: [{ source: process.execPath, destination: "/d/f", uid: 0, gid: 0, mode: 0o600 }]
            })
            const fiber = yield* Effect.fork(
              box.launcher.run(spec, { onSpawn: () => Effect.void, onOutput: () => Effect.void })
            )
            if (millis > 0) yield* Effect.promise(() => pause(millis))
            else yield* Effect.yieldNow()
            const exit = yield* Fiber.interrupt(fiber)
            expect(Exit.isInterrupted(exit)).toBe(true)
            return { processes: BoxFixture.processesWith(spec.operationId), files: left(box.store, spec.upper) }
          })
        const moments = Array.from({ length: 40 }, (_, i) => i)
        const after = yield* Effect.forEach(moments, attempt, { concurrency: 4 })
        expect(after).toEqual(moments.map(() => ({ processes: [], files: ["u", "w"] })))
        yield* Scope.close(scope, Exit.void)
        yield* BoxFixture.eventually("the descriptors are closed", () => descriptors() <= before)
      }))

    it.effect("of a handler that never comes back works too", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const stuck = yield* Deferred.make<void>()
        const spec = box.spec({ command: "yes" })
        const fiber = yield* Effect.fork(box.launcher.run(spec, {
          onSpawn: () => Effect.void,
          onOutput: () => Effect.zipRight(Deferred.succeed(stuck, undefined), Effect.never)
        }))
        yield* Deferred.await(stuck)
        yield* Fiber.interrupt(fiber)
        expect(BoxFixture.processesWith(spec.operationId)).toEqual([])
      }))
  })

  describe("a chain that is killed from the host", () => {
    // bubblewrap, the box's init, `time`, the command
    const below = (pid: number, levels: number): number =>
      levels === 0 ? pid : below(HostProcesses.children(pid)[0] ?? Number.NaN, levels - 1)
    // 0 is `unshare`
    const killLevel = (level: number) =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const spec = box.spec({ command: "sleep 1000", shell: true })
        const report = yield* box.launcher.run(spec, {
          onSpawn: () =>
            Effect.sync(() => {
              const bwrap = BoxFixture.bubblewrapOf(spec.operationId)
              process.kill(level === 0 ? BoxFixture.parentOf(bwrap) : below(bwrap, level - 1), "SIGKILL")
            }),
          onOutput: () => Effect.void
        })
        expect(BoxFixture.processesWith(spec.operationId)).toEqual([])
        return report
      })

    for (const level of [0, 1, 2, 3]) {
      it.effect(`at level ${level} is a failure, not an exit`, () =>
        Effect.gen(function*() {
          expect(yield* killLevel(level)).toMatchObject({
            code: -1,
            signal: -1,
            killedFromOutside: true,
            timedOut: false
          })
        }))
    }

    it.effect("but the command alone is how the command ended", () =>
      Effect.gen(function*() {
        expect(yield* killLevel(4)).toMatchObject({ code: -1, signal: 9, killedFromOutside: false, timedOut: false })
      }))
  })

  it.effect("nobody changes the upper after the run is over", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const runs = yield* Effect.forEach(Array.from({ length: 12 }), () =>
        Effect.gen(function*() {
          const { spec } = yield* box.sh(
            "(setsid sh -c 'while :; do echo x >> /grow; done' &); while [ ! -s /grow ]; do :; done; exit 0"
          )
          const size = () => Fs.statSync(`${box.store}/${spec.upper}/grow`).size
          const first = size()
          yield* Effect.promise(() => pause(30))
          return size() - first
        }), { concurrency: 4 })
      expect(runs).toEqual(runs.map(() => 0))
    }))

  describe("max_layer_bytes", () => {
    it.effect("stops one large file", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const { report } = yield* box.run({
          command: "dd",
          args: ["if=/dev/zero", "of=/big", "bs=1M", "count=300"],
          maxLayerBytes: 20_000_000
        })
        const cap = Option.getOrThrow(report.sizeCap)
        expect(cap.limitBytes).toBe(20_000_000)
        expect(cap.fileSize).toBeGreaterThan(20_000_000)
        expect(cap.fileSize).toBeLessThan(24_000_000)
        expect([report.code, report.killedFromOutside]).toEqual([-1, false])
      }))

    it.effect("stops many small ones, and a shell that would go on", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const { report, spec } = yield* box.sh(
          "i=0; while :; do dd if=/dev/zero of=/f$i bs=1M count=1 2>/dev/null; i=$((i+1)); [ $i = 3000 ] && exit 7; done",
          { maxLayerBytes: 30_000_000 }
        )
        expect(Option.isSome(report.sizeCap)).toBe(true)
        expect(report.signal).toBe(9)
        expect(Fs.readdirSync(`${box.store}/${spec.upper}`).length).toBeLessThan(3000)
      }))

    it.effect("leaves a run alone that stays below", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const { report } = yield* box.run({
          command: "dd",
          args: ["if=/dev/zero", "of=/big", "bs=1M", "count=18"],
          maxLayerBytes: 20_000_000
        })
        expect([report.code, report.sizeCap._tag]).toEqual([0, "None"])
      }))
  })

  it.effect("it is in a cgroup for each of its bounds, where there is one, which goes with it", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const bounds = { processes: Cgroups.maxProcesses, memoryBytes: Cgroups.defaultMemoryBytes() }
      const parents = yield* Cgroups.find(box.launcher.mode, bounds)
      if (Cgroups.bounded(parents).size < 2) {
        console.warn(
          "NOT RUN in whole: the limits of processes and memory. `contree-local doctor` says what is missing."
        )
      }
      const spec = box.spec({ command: "sleep 1000 & sleep 1000", shell: true, timeoutSeconds: 1 })
      let groups: ReadonlyArray<string> = []
      const counted: Array<number> = []
      yield* box.launcher.run(spec, {
        onSpawn: () =>
          Effect.sync(() => {
            groups = parents.length === 0 ? [] : BoxFixture.groupsOfRun(spec.operationId)
            for (const group of groups) {
              counted.push(Fs.readFileSync(`${group}/cgroup.procs`, "utf8").trim().split("\n").length)
            }
            const limits = groups.map((group) => `${group}/pids.max`).filter((path) => Fs.existsSync(path))
            for (const path of limits) expect(Fs.readFileSync(path, "utf8").trim()).toBe(String(Cgroups.maxProcesses))
          }),
        onOutput: () => Effect.void
      })
      expect(counted).toHaveLength(parents.length)
      // bubblewrap, the box's init, `time` and the command at least
      for (const count of counted) expect(count).toBeGreaterThanOrEqual(4)
      for (const group of groups) expect(Fs.existsSync(group)).toBe(false)
    }))

  it.scoped("who takes more memory than there is for it is killed; the rest of the box and the next one go on", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const memoryBytes = 64 * 1024 ** 2
      const parents = yield* Cgroups.find(box.launcher.mode, { processes: Cgroups.maxProcesses, memoryBytes })
      if (!Cgroups.bounded(parents).has("memory")) {
        console.warn("NOT RUN: the limit of memory. No memory cgroup can be made here; the doctor says so too.")
        return
      }
      const { run } = yield* Box.make({ store: box.store, maxMemoryBytes: memoryBytes })
      const output: Array<string> = []
      // no line ends in it, so `tail` keeps all that it reads
      const spec = box.spec({ command: "tail /dev/zero; echo $?; echo still here", shell: true, timeoutSeconds: 300 })
      const report = yield* run(spec, {
        onSpawn: () => Effect.void,
        onOutput: (stream, bytes) => Effect.sync(() => void (stream === "stdout" && output.push(text(bytes))))
      })
      expect([report.code, output.join("")]).toEqual([0, "137\nstill here\n"])
      const alone = yield* run(box.spec({ command: "tail", args: ["/dev/zero"], timeoutSeconds: 300 }), {
        onSpawn: () => Effect.void,
        onOutput: () => Effect.void
      })
      expect([alone.signal, alone.timedOut]).toEqual([9, false])
      expect((yield* box.sh("echo next")).stdout.toString()).toBe("next\n")
    }))

  it.scoped("200 runs, 16 at a time, leave no descriptor and no process", () =>
    Effect.gen(function*() {
      const store = yield* BoxFixture.makeStore
      const before = descriptors()
      const scope = yield* Scope.make()
      const box = yield* Scope.extend(BoxFixture.on(store), scope)
      yield* box.run({})
      const one = performance.now()
      const numbers = Array.from({ length: 200 }, (_, i) => i)
      const all = yield* Effect.forEach(numbers, (i) => box.sh(`echo ${i}; exit ${i % 100}`), { concurrency: 16 })
      console.log(`200 runs at 16: ${Math.round(performance.now() - one)} ms`)
      expect(all.map(({ report, stdout }) => [text(stdout), report.code])).toEqual(
        numbers.map((i) => [`${i}\n`, i % 100])
      )
      yield* Scope.close(scope, Exit.void)
      yield* BoxFixture.eventually("the descriptors are closed", () => descriptors() <= before)
      expect(BoxFixture.processesWith(BoxFixture.markOf(store))).toEqual([])
    }))
})
