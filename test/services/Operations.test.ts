import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Option, Stream, TestClock } from "effect"
import { Command, Errors, Ids, Operations } from "effect-contree"
import type { ContreeApi } from "effect-contree"
import { type Fake, imageId, imageOf, makeFake, uuid, withFake } from "../support/fakeApi.js"

const over = <A, E, R>(fake: Fake, use: (operations: Operations.Service) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(Operations.Operations, use).pipe(Effect.provide(withFake(fake)))

/** a run somebody has let go of */
const detached = (fake: Fake) =>
  Effect.flatMap(
    imageOf(fake),
    (image) => Effect.scoped(Effect.flatMap(image.start(Command.exec("true"), { disposable: false }), (p) => p.detach))
  )

describe("operations", () => {
  it.effect("wait gives the ended operation; it is not ours to cancel", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.spawned()
      const id = yield* detached(fake)
      const late = yield* Effect.fork(Effect.flip(over(fake, (o) => o.wait(id, { waitTimeout: "1 minute" }))))
      yield* fake.awaitCalls("operationEvents")
      yield* TestClock.adjust("1 minute")
      const timedOut = yield* Fiber.join(late)
      expect(timedOut).toBeInstanceOf(Errors.OperationTimedOutError)
      expect(timedOut.message).toContain("was not cancelled")
      expect(timedOut.message).not.toContain("and was cancelled")
      const atOnce = yield* Effect.fork(Effect.flip(over(fake, (o) => o.wait(id, { waitTimeout: -1 }))))
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(atOnce)).toBeInstanceOf(Errors.OperationTimedOutError)
      const before = fake.named("operationEvents").length
      const fiber = yield* Effect.fork(over(fake, (o) => o.wait(id, { waitTimeout: Infinity })))
      yield* fake.awaitCalls("operationEvents", before + 1)
      fake.operations[0]!.exit(3, imageId(6))
      expect(yield* Fiber.join(fiber)).toMatchObject({ id, status: "Success", resultImage: Option.some(imageId(6)) })
      expect(fake.named("cancelOperation")).toEqual([])
    }))

  it.effect("waiting for what is not there ends at once; a status that fails once does not end it", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const nobody = Ids.OperationId.make(uuid(99))
      expect(yield* Effect.flip(over(fake, (o) => o.wait(nobody)))).toBeInstanceOf(Errors.NotFoundError)
      expect(fake.named("getOperation").length).toBe(1)
      expect(fake.named("operationEvents").length).toBe(0)
      const id = yield* detached(fake)
      fake.failures.set("getOperation", [new Errors.ServerError({ method: "x", status: 503 })])
      expect((yield* over(fake, (o) => o.wait(id))).status).toBe("Success")
    }))

  it.effect("attach takes a run back: its output from the beginning, its image, and its end", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.spawned().stdout("early ")
      const id = yield* detached(fake)
      const result = yield* over(fake, (o) =>
        Effect.scoped(Effect.gen(function*() {
          const process = yield* o.attach(id)
          fake.operations[0]!.stdout("late").exit(0, imageId(6))
          return yield* process.result
        })))
      expect([result.stdout.text, Option.getOrNull(result.image.id)]).toEqual(["early late", imageId(6)])
      expect(fake.named("cancelOperation")).toEqual([])
    }))

  it.effect("what is attached is cancelled with the scope, unless it has ended or is let go", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.spawned()
      const id = yield* detached(fake)
      yield* over(fake, (o) => Effect.scoped(Effect.flatMap(o.attach(id), (p) => p.detach)))
      expect(fake.named("cancelOperation").length).toBe(0)
      yield* over(fake, (o) => Effect.scoped(o.attach(id)))
      expect(fake.named("cancelOperation").length).toBe(1)
      yield* over(fake, (o) => Effect.scoped(o.attach(id)))
      expect(fake.named("cancelOperation").length).toBe(1)
    }))

  it.effect("an import is no run", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => {
        o.kind = "image_import"
      }
      const id = yield* detached(fake)
      expect(yield* Effect.flip(Effect.scoped(over(fake, (o) => o.attach(id))))).toBeInstanceOf(
        Errors.InvalidArgumentError
      )
    }))

  it.effect("events, from the beginning or after one; and what is there now", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.emit("later-version", { x: 1 }).stdout("a")
      const id = yield* detached(fake)
      const now = yield* over(fake, (o) => Stream.runCollect(o.events(id, { follow: false })))
      expect(Chunk.toReadonlyArray(now).map((e) => [e.id, e._tag])).toEqual([[0, "Unknown"], [1, "stdout"]])
      fake.operations[0]!.exit(0)
      const all = yield* over(fake, (o) => Stream.runCollect(o.events(id, { after: 0 })))
      expect(Chunk.toReadonlyArray(all).map((e) => e.id)).toEqual([1, 2])
    }))

  it.effect("get, list and cancel", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onSpawn = (o) => void o.spawned()
      const id = yield* detached(fake)
      expect(yield* over(fake, (o) => o.get(id))).toMatchObject({ id, kind: "instance", status: "Executing" })
      yield* over(fake, (o) => o.list({ status: "Executing", number: 5 }))
      expect(fake.named("listOperations")[0]!.args[0]).toMatchObject({ status: "EXECUTING", limit: 5, offset: 0 })
      yield* over(fake, (o) => o.cancel(id))
      expect(yield* Effect.flip(over(fake, (o) => o.cancel(id)))).toBeInstanceOf(Errors.ConflictError)
      expect(yield* Effect.flip(over(fake, (o) => o.wait(id)))).toBeInstanceOf(Errors.CancelledOperationError)
    }))

  /** operations in every status, listed as a server does that knows filters */
  const inEveryStatus = (honest: boolean) => {
    const fake = makeFake()
    const rows = ([
      ["PENDING", "instance"],
      ["ASSIGNED", "instance"],
      ["EXECUTING", "instance"],
      ["EXECUTING", "image_import"],
      ["SUCCESS", "instance"],
      ["FAILED", "instance"],
      ["CANCELLED", "image_import"],
      ["LATER", "instance"]
    ] as const).map(([status, kind], n) => ({ uuid: Ids.OperationId.make(uuid(n)), status, kind }))
    const asked: Array<ContreeApi.OperationQuery | undefined> = []
    const cancelled: Array<string> = []
    let [running, most] = [0, 0]
    const api: ContreeApi.Service = {
      ...fake.api,
      listOperations: (query) =>
        Effect.sync(() => {
          asked.push(query)
          return rows.filter((row) =>
            !honest || ((query?.status === undefined || row.status === query.status) &&
              (query?.kind === undefined || row.kind === query.kind))
          )
        }),
      cancelOperation: (id) =>
        Effect.gen(function*() {
          most = Math.max(most, ++running)
          yield* Effect.yieldNow()
          running--
          const n = Number.parseInt(id.slice(-6), 16)
          if (n === 1) return yield* new Errors.ConflictError({ method: "cancelOperation", status: 409 })
          if (n === 2) return yield* new Errors.ServerError({ method: "cancelOperation", status: 500 })
          cancelled.push(id)
        })
    }
    return { fake: { ...fake, api }, asked, cancelled, most: () => most, id: (n: number) => rows[n]!.uuid }
  }

  it.effect("cancelAll cancels what goes on, and says what came of it", () =>
    Effect.gen(function*() {
      for (const honest of [true, false]) {
        const { asked, cancelled, fake, id } = inEveryStatus(honest)
        const answer = yield* over(fake, (o) => o.cancelAll())
        expect(answer).toMatchObject({
          // a status that this version does not know goes on, where a server names it
          cancelled: honest ? [id(0), id(3)] : [id(0), id(3), id(7)],
          ended: [id(1)],
          failed: [{ id: id(2), error: { _tag: "ServerError" } }]
        })
        expect(cancelled).toEqual(answer.cancelled)
        expect(asked.map((query) => query?.status)).toEqual(["PENDING", "ASSIGNED", "EXECUTING"])
      }
    }))

  it.effect("cancelAll takes a filter, in the words of the wire and here", () =>
    Effect.gen(function*() {
      for (const honest of [true, false]) {
        const { asked, cancelled, fake, id } = inEveryStatus(honest)
        yield* TestClock.setTime(Date.UTC(2026, 0, 2))
        yield* over(fake, (o) => o.cancelAll({ kind: "image_import", status: "Executing", since: "1 day" }))
        expect(cancelled).toEqual([id(3)])
        expect(asked).toMatchObject([
          {
            kind: "image_import",
            status: "EXECUTING",
            since: "2026-01-01T00:00:00.000Z",
            until: "2026-01-02T00:01:00.000Z"
          }
        ])
        const bad = yield* Effect.flip(over(fake, (o) => o.cancelAll({ since: new Date(Number.NaN) })))
        expect(bad).toMatchObject({ argument: "since", method: "Operations.cancelAll" })
      }
    }))

  it.effect("cancelAll cancels a few at a time, and fails when the list cannot be read", () =>
    Effect.gen(function*() {
      const { fake, most } = inEveryStatus(true)
      const many = Array.from(
        { length: 50 },
        (_, n) => ({ uuid: Ids.OperationId.make(uuid(n + 10)), status: "PENDING" as const })
      )
      const api: ContreeApi.Service = { ...fake.api, listOperations: () => Effect.succeed(many) }
      expect((yield* over({ ...fake, api }, (o) => o.cancelAll())).cancelled.length).toBe(50)
      expect(most()).toBe(8)
      const broken: ContreeApi.Service = {
        ...fake.api,
        listOperations: () => Effect.fail(new Errors.ForbiddenError({ method: "listOperations", status: 403 }))
      }
      expect(yield* Effect.flip(over({ ...fake, api: broken }, (o) => o.cancelAll()))).toBeInstanceOf(
        Errors.ForbiddenError
      )
    }))
})
