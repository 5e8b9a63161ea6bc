import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Logger, Option, TestClock } from "effect"
import { Command, Errors, Operations } from "effect-contree"
import { imageOf, makeFake, withFake } from "../support/fakeApi.js"

const cmd = Command.exec("sleep", ["inf"])
const refused = () =>
  new Errors.ConflictError({ method: "cancelOperation", status: 409, description: "run by another process" })

const begun = Effect.gen(function*() {
  const fake = makeFake()
  fake.onSpawn = (operation) => void operation.spawned()
  const image = yield* imageOf(fake)
  return { fake, image }
})

/** until it is done, second by second */
const moved = <A, E>(self: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(self)
    for (let i = 0; i < 12 && Option.isNone(yield* Fiber.poll(fiber)); i++) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

describe("a cancellation that is refused with 409", () => {
  it.effect("of what goes on is a failure that says so, and who may run it", () =>
    Effect.gen(function*() {
      const { fake, image } = yield* begun
      const process = yield* image.start(cmd)
      const operations = yield* Effect.provide(Operations.Operations, withFake(fake))
      const id = fake.operations[0]!.id
      fake.failures.set("cancelOperation", [refused(), refused()])
      const error = yield* moved(Effect.flip(operations.cancel(id)))
      expect(error).toMatchObject({ _tag: "ConflictError", status: 409 })
      expect(error.message).toContain("run by another process; it goes on (EXECUTING) and the server refuses")
      expect(error.message).toContain("another engine")
      const { cancelled, ended, failed } = yield* moved(operations.cancelAll())
      expect([cancelled, ended, failed.map((one) => [one.id, one.error._tag])]).toEqual([
        [],
        [],
        [[id, "ConflictError"]]
      ])
      yield* process.detach
    }).pipe(Effect.scoped))

  it.effect("of what nobody can say how it stands is a failure that says that", () =>
    Effect.gen(function*() {
      const { fake, image } = yield* begun
      const process = yield* image.start(cmd)
      const operations = yield* Effect.provide(Operations.Operations, withFake(fake))
      const id = fake.operations[0]!.id
      fake.failures.set("cancelOperation", [refused(), refused()])
      fake.failures.set("getOperation", [
        new Errors.ForbiddenError({ method: "getOperation", status: 403, description: "not yours to see" }),
        new Errors.NotFoundError({ method: "getOperation", status: 404 })
      ])
      const error = yield* Effect.flip(operations.cancel(id))
      expect(error).toMatchObject({ _tag: "ConflictError", status: 409 })
      expect(error.message).toMatch(/run by another process; whether it goes on could not be read: .*not yours to see/)
      // what the server has forgotten meanwhile has ended
      expect((yield* Effect.flip(operations.cancel(id))).message).not.toContain("goes on")
      yield* process.detach
    }).pipe(Effect.scoped))

  it.effect("of what has ended by then is no failure, and says nothing in the log", () =>
    Effect.gen(function*() {
      const said: Array<string> = []
      const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void said.push(String(message))))
      const { fake, image } = yield* begun
      // its end is seen a moment after the refusal
      fake.failures.set("cancelOperation", [refused()])
      const fiber = yield* Effect.fork(Effect.scoped(image.start(cmd)).pipe(Effect.provide(logger)))
      yield* fake.awaitCalls("cancelOperation")
      yield* TestClock.adjust("200 millis")
      fake.operations[0]!.exit(0)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      expect(said).toEqual([])
      expect(fake.named("cancelOperation").length).toBe(1)
    }))

  it.effect("of a run of ours that goes on, the log warns of", () =>
    Effect.gen(function*() {
      const said: Array<string> = []
      const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void said.push(String(message))))
      const { fake, image } = yield* begun
      fake.failures.set("cancelOperation", [refused()])
      yield* moved(Effect.scoped(image.start(cmd)).pipe(Effect.provide(logger)))
      expect(said.join()).toContain("The run may go on")
      expect(said.join()).toContain("another engine")
    }))
})
