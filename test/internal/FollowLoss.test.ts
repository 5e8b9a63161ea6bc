import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Option, Stream, TestClock } from "effect"
import { Command, Errors } from "effect-contree"
import { imageOf, makeFake } from "../support/fakeApi.js"

const cmd = Command.exec("true")

/** until it is done, second by second */
const moved = <A, E>(self: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(self)
    for (let i = 0; i < 30 && Option.isNone(yield* Fiber.poll(fiber)); i++) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

/** a process beside the command, which writes three pieces between which others have their numbers */
const begun = Effect.gen(function*() {
  const fake = makeFake()
  fake.onSpawn = (operation) => void operation.spawned()
  fake.onExec = (process) => {
    process.stdout("one ")
    process.operation.emit("network", {}, 0)
    process.stdout("two ")
    process.operation.emit("network", {}, 0)
    process.stdout("three")
    process.exit({ code: 0 })
  }
  const main = yield* (yield* imageOf(fake)).start(cmd)
  const process = yield* main.exec(cmd)
  const operation = fake.operations[0]!
  /** the numbers of its three pieces */
  const pieces = operation.log.filter(({ spid, type }) => spid === 2 && type === "stdout").map(({ id }) => id)
  return { fake, operation, process, pieces }
})

const read = (self: Stream.Stream<Uint8Array, Errors.OutputError>) =>
  Effect.map(Stream.runCollect(self), (all) => Buffer.concat(Chunk.toReadonlyArray(all)).toString())

describe("the log of one process, in which numbers are left out", () => {
  it.effect("is whole where its pieces come in order, however often it breaks", () =>
    Effect.gen(function*() {
      const { operation, process } = yield* begun
      operation.connections.push({ dropAfter: 4 }, { dropAfter: 1 }, { dropAfter: 2 })
      expect(yield* moved(read(process.stdout))).toBe("one two three")
    }).pipe(Effect.scoped))

  it.effect("a piece that was to come late, and was cut off with the connection, is missed by its bytes", () =>
    Effect.gen(function*() {
      const { operation, pieces, process } = yield* begun
      const [, second, third] = pieces
      // the third comes where the second was to come; the connection breaks before that, and the next goes on after the third
      const from = (n: number) => operation.log.findIndex(({ id }) => id === n)
      const [at, before] = [from(second!), from(third!)]
      const late = operation.log[at]!
      operation.log[at] = operation.log[before]!
      operation.log[before] = late
      operation.connections.push({ dropAfter: at + 1 })
      const error = yield* moved(Effect.flip(read(process.stdout)))
      expect(error).toBeInstanceOf(Errors.EventStreamError)
      expect(error.message).toContain("stdout")
    }).pipe(Effect.scoped))

  it.effect("says what it has where the server has forgotten the process", () =>
    Effect.gen(function*() {
      const { fake, process } = yield* begun
      const gone = () => new Errors.NotFoundError({ method: "getSubprocess", status: 404 })
      fake.failures.set("getOperation", [new Errors.NotFoundError({ method: "getOperation", status: 404 })])
      fake.failures.set("getSubprocess", [gone(), gone(), gone()])
      expect(yield* moved(read(process.stdout))).toBe("one two three")
    }).pipe(Effect.scoped))
})
