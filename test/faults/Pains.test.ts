import { NodeHttpClient } from "@effect/platform-node"
import { describe, expect, it, layer } from "@effect/vitest"
import { ContreeLocal, FaultProxy } from "contree-local"
import { Chunk, Effect, Exit, Fiber, Layer, Option, Stream, TestClock } from "effect"
import { Command, Contree, Errors, Images, Operations } from "effect-contree"
import type { ContreeConfig } from "effect-contree"
import { eventually, processesWith, temporaryStore } from "../support/engine.js"
import { imageOf, makeFake } from "../support/fakeApi.js"

const store = temporaryStore()
const busybox = Effect.flatMap(Images.Images, (images) => images.use("busybox:latest"))

type Rules = FaultProxy.Script["rules"]

/** a program on the engine, with a script in between */
const under = <A, E, R>(
  rules: Rules,
  program: (proxy: FaultProxy.Proxy) => Effect.Effect<A, E, R>,
  options: Partial<ContreeConfig.Options> = {}
) =>
  Effect.gen(function*() {
    const { token, url: target } = yield* ContreeLocal.Server
    const proxy = yield* FaultProxy.make({ target, script: { rules } })
    const services = Contree.layer({ token, baseUrl: proxy.url, ...options }).pipe(
      Layer.provide(NodeHttpClient.layerUndici)
    )
    return yield* Effect.provide(program(proxy), services)
  }).pipe(Effect.scoped)

/** what the engine itself says, with nothing in between */
const engine = <A, E>(program: (operations: Operations.Service) => Effect.Effect<A, E>) =>
  under([], () => Effect.flatMap(Operations.Operations, program))

const statuses = engine((operations) =>
  Effect.map(operations.list({ number: "all" }), (all) => all.map((o) => o.status))
)
const going: ReadonlyArray<string> = ["Pending", "Assigned", "Executing"]
const settled = (count: number) =>
  eventually(statuses, (all) => all.length === count && !all.some((s) => going.includes(s)))

// before the layer, which puts its own methods on `it`
describe("with a clock of its own", () => {
  it.effect("a stream never hangs for ever", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (operation) => {
        operation.spawned()
        operation.connections.push(...Array.from({ length: 99 }, () => ({
          refuse: new Errors.TransportError({ method: "e", code: "ETIMEDOUT", timeout: "idle" })
        })))
      }
      const dead = new Errors.TransportError({ method: "o", code: "ETIMEDOUT", timeout: "request" })
      fake.failures.set("getOperation", Array.from({ length: 99 }, () => dead))
      const image = yield* imageOf(fake)
      const fiber = yield* Effect.fork(Effect.flip(Stream.runDrain(image.stream(Command.exec("true")))))
      for (let i = 0; i < 60 && fiber.unsafePoll() === null; i++) yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "TransportError", timeout: "idle" })
      // what could not be read may go on, and is not left so
      expect(fake.named("cancelOperation").length).toBe(1)
    }))

  it.effect("waiting too long, an answer too late and a silent line are told apart", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (operation) => void operation.spawned()
      const image = yield* imageOf(fake)
      const waiting = yield* Effect.fork(Effect.flip(image.run(Command.exec("true"), { waitTimeout: "5 seconds" })))
      yield* fake.awaitCalls("operationEvents")
      yield* TestClock.adjust("5 seconds")
      expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "OperationTimedOutError" })
      fake.before.set("spawnInstance", Effect.never)
      const late = yield* Effect.fork(Effect.flip(image.run(Command.exec("true"), { waitTimeout: "1 hour" })))
      yield* fake.awaitCalls("spawnInstance", 2)
      yield* TestClock.adjust("5 minutes")
      expect(yield* Fiber.join(late)).toMatchObject({ _tag: "TransportError", timeout: "request" })
    }))
})

layer(ContreeLocal.layerServer({ store }), { excludeTestServices: true, timeout: "5 minutes" })(
  "on the engine",
  (it) => {
    it.effect("a stream that ends early never reads as success", () =>
      under([
        // whole as a message, and half of what was in it
        { route: "events", nth: 0, fault: { _tag: "TruncateGzip", bytes: 700 } },
        { route: "events", nth: 1, onwards: true, fault: { _tag: "Status", status: 403 } }
      ], () =>
        Effect.gen(function*() {
          const image = yield* busybox
          const numbers = Command.shell("seq 1 1000; sleep 20")
          expect(yield* Effect.flip(Stream.runDrain(image.stream(numbers)))).toMatchObject({ _tag: "ForbiddenError" })
          expect(yield* Effect.flip(image.run(numbers))).toMatchObject({ _tag: "ForbiddenError" })
        })))

    it.effect("a retry never runs the command twice", () =>
      Effect.gen(function*() {
        const before = (yield* statuses).length
        const later = (nth: number) => ({ route: "spawn", nth, fault: { _tag: "Status", status: 429 } }) as const
        const error = yield* under(
          [later(0), later(1), { route: "spawn", nth: 2, fault: { _tag: "DropAnswer" } }],
          (proxy) =>
            Effect.gen(function*() {
              const failed = yield* Effect.flip((yield* busybox).run(Command.exec("true")))
              const spawns = (yield* proxy.seen).filter(({ route }) => route === "spawn")
              expect(spawns.map(({ forwarded }) => forwarded)).toEqual([false, false, true])
              return failed
            })
        )
        expect(error).toMatchObject({ _tag: "TransportError", retryable: "unknown" })
        expect((yield* settled(before + 1)).length).toBe(before + 1)
      }))

    it.effect("a late answer to a spawn leaks no sandbox: given up by the clock, or by an interruption", () =>
      Effect.gen(function*() {
        const before = yield* statuses
        const late: Rules = [{ route: "spawn", nth: 0, fault: { _tag: "Delay", millis: 3000 } }]
        const long = Command.shell("sleep 61")
        const error = yield* under(late, () =>
          Effect.gen(function*() {
            const failed = yield* Effect.flip((yield* busybox).run(long))
            expect(yield* settled(before.length + 1)).toEqual(["Cancelled", ...before])
            return failed
          }), { requestTimeout: "1500 millis" })
        expect(error).toMatchObject({ _tag: "TransportError", timeout: "request", retryable: "unknown" })
        yield* under(late, (proxy) =>
          Effect.gen(function*() {
            const fiber = yield* Effect.fork((yield* busybox).run(long))
            yield* eventually(proxy.seen, (all) => all.length > 0)
            expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
          }))
        expect(yield* settled(before.length + 2)).toEqual(["Cancelled", "Cancelled", ...before])
      }))

    it.effect("an abort ends the remote process", () =>
      under([], () =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(
            (yield* busybox).run(Command.shell("exec sleep 62"), { timeout: "10 minutes" })
          )
          const running = Effect.sync(() => processesWith("sleep 62"))
          expect((yield* eventually(running, (all) => all.length > 0)).length).toBeGreaterThan(0)
          yield* Fiber.interrupt(fiber)
          expect(yield* eventually(running, (all) => all.length === 0)).toEqual([])
        })))

    it.effect("a run without a log shows its output while it runs", () =>
      under(
        [{ route: "events", nth: 0, onwards: true, fault: { _tag: "Status", status: 405 } }],
        () =>
          Effect.gen(function*() {
            const process = yield* (yield* busybox).start(Command.shell("echo one; exec sleep 63"))
            const first = yield* Stream.runHead(process.stdout)
            expect(Buffer.from(Option.getOrThrow(first)).toString()).toBe("one\n")
            expect(yield* process.isRunning).toBe(true)
          }).pipe(Effect.scoped)
      ))

    it.effect("multi-byte text survives chunk borders", () =>
      under([{ route: "events", nth: 0, fault: { _tag: "Drip", bytes: 3, millis: 0 } }], () =>
        Effect.gen(function*() {
          const text = "é漢😀\n".repeat(20)
          const outputs = yield* Stream.runCollect((yield* busybox).stream(Command.exec("printf", ["%s", text])))
          expect(
            Chunk.toReadonlyArray(outputs).map((out) => out.text).join("")
          ).toBe(text)
          expect(Chunk.toReadonlyArray(outputs).some((out) => out.text.includes("\ufffd"))).toBe(false)
        })))
  }
)
