import { expect, layer } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Stream } from "effect"
import { Command, ContreeApi, Images } from "effect-contree"
import { engineLayer, eventually, processesWith } from "../support/engine.js"

const busybox = Effect.flatMap(Images.Images, (images) => images.use("busybox:latest"))

layer(engineLayer(), { timeout: "5 minutes" })("real runs", (it) => {
  it.effect("branches of one image do not see each other", () =>
    Effect.gen(function*() {
      const base = yield* busybox
      const built = yield* base.run(Command.shell("mkdir /data && echo base > /data/f"), { disposable: false })
      const names = Array.from({ length: 12 }, (_, i) => `branch ${i}`)
      const branches = yield* Effect.forEach(names, (name) =>
        built.image.run(Command.shell`echo ${name} >> /data/f`, { disposable: false }), { concurrency: 6 })
      const texts = yield* Effect.forEach(branches, (branch) =>
        Effect.map(branch.image.run(Command.exec("cat", ["/data/f"])), (r) =>
          r.stdout.text))
      expect(texts).toEqual(names.map((name) =>
        `base\n${name}\n`
      ))
      expect(
        new Set(branches.map((branch) =>
          branch.image.id.value
        )).size
      ).toBe(names.length)
      const parent = yield* built.image.run(Command.exec("cat", ["/data/f"]))
      expect(parent.stdout.text).toBe("base\n")
    }))

  it.effect("an unchanged file system gives the parent's image back", () =>
    Effect.gen(function*() {
      const base = yield* Effect.flatMap(Images.Images, (images) => images.use("busybox:latest", { strict: true }))
      const same = yield* base.run(Command.exec("true"), { disposable: false })
      expect(same.image.id.value).toBe(base.id.value)
    }))

  it.effect("interrupting a sleep ends the process within a second, and the operation reads CANCELLED", () =>
    Effect.gen(function*() {
      const base = yield* busybox
      const api = yield* ContreeApi.ContreeApi
      const started = yield* Deferred.make<void>()
      const fiber = yield* base.stream(Command.shell("echo up; exec sleep 60")).pipe(
        Stream.runForEach(() => Deferred.succeed(started, void 0)),
        Effect.fork
      )
      yield* Deferred.await(started)
      // a machine that is slow to run `true`, a tenth of a second elsewhere, is as slow to end something
      const [ordinary] = yield* Effect.timed(base.run(Command.exec("true")))
      const [running] = yield* api.listOperations({ status: "EXECUTING" })
      expect(processesWith(running!.uuid).length).toBeGreaterThan(0)
      const [took] = yield* Effect.timed(
        Fiber.interrupt(fiber).pipe(
          Effect.zipRight(
            eventually(Effect.sync(() => processesWith(running!.uuid)), (left) => left.length === 0)
          )
        )
      )
      expect(processesWith(running!.uuid)).toEqual([])
      expect(Duration.toMillis(took)).toBeLessThan(Math.max(1000, 10 * Duration.toMillis(ordinary)))
      const operation = yield* eventually(api.getOperation(running!.uuid), (o) => o.status === "CANCELLED")
      expect(operation.status).toBe("CANCELLED")
    }))

  it.effect("a time limit of the server is data, and keeps the output so far", () =>
    Effect.gen(function*() {
      const base = yield* busybox
      const result = yield* base.run(Command.shell("echo before; sleep 100; echo after"), { timeout: "5 seconds" })
      expect(result.exit).toEqual({ _tag: "TimedOut" })
      expect(result.exitCode).toBeUndefined()
      expect(result.stdout.text).toBe("before\n")
    }))

  it.effect("exit, signal and check", () =>
    Effect.gen(function*() {
      const base = yield* busybox
      expect((yield* base.run(Command.shell("exit 7"))).exit).toEqual({ _tag: "Exited", code: 7 })
      expect((yield* base.run(Command.shell("kill -TERM $$"))).exit).toEqual({ _tag: "Signaled", signal: 15 })
      expect((yield* base.run(Command.exec("/no/such/command"))).exitCode).toBe(127)
      const error = yield* Effect.flip(base.run(Command.shell("echo why >&2; exit 3"), { check: true }))
      expect(error).toMatchObject({
        _tag: "CommandFailedError",
        exit: { _tag: "Exited", code: 3 },
        stderrTail: "why\n"
      })
    }))
})
