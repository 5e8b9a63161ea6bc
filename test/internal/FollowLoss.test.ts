import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Option, Stream, TestClock } from "effect"
import { Command, Errors, StreamRepr } from "effect-contree"
import { type FakeOperation, imageOf, makeFake } from "../support/fakeApi.js"

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

  /**
   * The third comes where the second was to come; the connection breaks before that, and the next goes on after the third,
   * with the rest of the log or as `loss` says.
   */
  const overtaken = (
    { operation, pieces }: Effect.Effect.Success<typeof begun>,
    loss?: Errors.GoneError | Errors.NotFoundError | Errors.BadRequestError
  ) => {
    const from = (n: number) => operation.log.findIndex(({ id }) => id === n)
    const [at, before] = [from(pieces[1]!), from(pieces[2]!)]
    const late = operation.log[at]!
    operation.log[at] = operation.log[before]!
    operation.log[before] = late
    operation.connections.push({ dropAfter: at + 1 })
    if (loss !== undefined) operation.connections.push(...Array.from({ length: 50 }, () => ({ refuse: loss })))
  }

  it.effect("a piece that was to come late, and was cut off with the connection, is missed by its bytes", () =>
    Effect.gen(function*() {
      const started = yield* begun
      overtaken(started)
      const error = yield* moved(Effect.flip(read(started.process.stdout)))
      expect(error).toBeInstanceOf(Errors.EventStreamError)
      expect(error.message).toContain("stdout")
    }).pipe(Effect.scoped))

  const losses = [
    new Errors.GoneError({ method: "events", status: 410 }),
    new Errors.NotFoundError({ method: "events", status: 404 }),
    new Errors.BadRequestError({ method: "events", status: 400 })
  ]

  it.effect("and so it is when the rest of the log is lost: nothing is filled in by count", () =>
    Effect.gen(function*() {
      for (const loss of losses) {
        const started = yield* begun
        overtaken(started, loss)
        const pieces: Array<Uint8Array> = []
        const reading = Stream.runForEach(started.process.stdout, (piece) => Effect.sync(() => pieces.push(piece)))
        expect(yield* moved(Effect.flip(reading))).toMatchObject({
          _tag: "EventStreamError",
          message: expect.stringContaining("is not how stdout in the status begins")
        })
        expect(Buffer.concat(pieces).toString()).toBe("one three")
      }
    }).pipe(Effect.scoped))

  it.effect("the rest of a log that came in order is filled in", () =>
    Effect.gen(function*() {
      for (let dropAfter = 0; dropAfter < 9; dropAfter++) {
        const { operation, process } = yield* begun
        const refuse = losses[dropAfter % losses.length]!
        operation.connections.push({ dropAfter }, ...Array.from({ length: 50 }, () => ({ refuse })))
        expect(yield* moved(read(process.stdout))).toBe("one two three")
      }
    }).pipe(Effect.scoped))

  /** for so many answers the process goes on, and has written nothing */
  const lagging = (operation: FakeOperation, answers: number) => {
    const process = operation.subprocesses[0]!
    const toWire = process.toWire.bind(process)
    const empty = StreamRepr.fromBytes(new Uint8Array(0))
    let asked = 0
    process.toWire = () =>
      asked++ < answers
        ? { state: { exit_code: -1, signal: -1, timed_out: false }, stdout: empty, stderr: empty }
        : toWire()
  }

  it.effect("is compared with a status that has come to the end, for which it waits", () =>
    Effect.gen(function*() {
      const complete = yield* begun
      lagging(complete.operation, 5)
      expect(yield* moved(read(complete.process.stdout))).toBe("one two three")
      const lost = yield* begun
      overtaken(lost)
      // one answer is for the break
      lagging(lost.operation, 6)
      expect(yield* moved(Effect.flip(read(lost.process.stdout)))).toMatchObject({
        _tag: "EventStreamError",
        message: expect.stringContaining("than the log gave")
      })
      const endless = yield* begun
      lagging(endless.operation, 99)
      expect(yield* moved(Effect.flip(read(endless.process.stdout)))).toMatchObject({
        _tag: "EventStreamError",
        message: expect.stringContaining("EXECUTING all the same")
      })
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
