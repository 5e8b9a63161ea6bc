import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Chunk, Effect, FastCheck, Fiber, Schema, Stream, TestClock } from "effect"
import type { Event } from "effect-contree"
import { Errors, StreamRepr } from "effect-contree"
import * as Follow from "../support/follow.js"
import * as Views from "../../src/services/ProcessViews.js"
import { type Connection, type Fake, type FakeOperation, makeFake } from "../support/fakeApi.js"

const started = (fake: Fake): Effect.Effect<FakeOperation> =>
  Effect.map(Effect.orDie(fake.api.spawnInstance({ command: "x", image: "x" })), () => fake.operations[0]!)

const fresh = (write: (operation: FakeOperation) => void) =>
  Effect.suspend(() => {
    const fake = makeFake()
    fake.onSpawn = write
    return Effect.map(started(fake), (operation) => ({
      fake,
      operation,
      source: Views.source(fake.api, "test", operation.id)
    }))
  })

/** runs while the clock goes on, as far as a bound */
const withClock = <A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(self)
    for (let i = 0; i < 600 && fiber.unsafePoll() === null; i++) yield* TestClock.adjust("500 millis")
    return yield* Fiber.join(fiber)
  })

const read = (source: Follow.Source) =>
  withClock(Effect.map(Stream.runCollect(Follow.follow(source)), Chunk.toReadonlyArray))

const bytesOf = (events: ReadonlyArray<Event.OperationEvent>, stream: "stdout" | "stderr"): string =>
  Buffer.concat(
    events.filter((e) => e.type === stream && e.spid === 1).map((e) =>
      StreamRepr.toBytes(e.data as { readonly value: string; readonly encoding: "ascii" | "base64" })!
    )
  ).toString("hex")

const hex = (text: string) => Buffer.from(text).toString("hex")
const types = (events: ReadonlyArray<Event.OperationEvent>) => events.map((e) => e.type)
const transport = new Errors.TransportError({ method: "events" })
const whole = (o: FakeOperation) => void o.spawned().stdout("one").stderr("e").stdout("two").stdout("three").exit(0)

describe("follow", () => {
  it.effect("one connection is enough when nothing breaks", () =>
    Effect.gen(function*() {
      const { fake, source } = yield* fresh(whole)
      const events = yield* read(source)
      expect(types(events)).toEqual(["init", "spawn", "stdout", "stderr", "stdout", "stdout", "completion"])
      expect(fake.named("operationEvents").length).toBe(1)
      expect(fake.named("getOperation").length).toBe(0)
    }))

  it.effect("a drop after any event, closed or broken, is taken up where it stopped", () =>
    Effect.gen(function*() {
      for (let at = 0; at <= 6; at++) {
        for (const error of [undefined, transport, new Errors.DecodeError({ method: "events" })]) {
          const { fake, operation, source } = yield* fresh(whole)
          operation.connections.push(error === undefined ? { dropAfter: at } : { dropAfter: at, error })
          operation.status = "EXECUTING"
          const events = yield* read(source)
          expect(events.map((e) => e.id)).toEqual([0, 1, 2, 3, 4, 5, 6])
          const second = fake.named("operationEvents")[1]!.args[1]
          expect(second).toEqual(at === 0 ? { follow: true } : { follow: true, lastEventId: at - 1 })
        }
      }
    }))

  it.effect("what was sent already is dropped", () =>
    Effect.gen(function*() {
      const { operation, source } = yield* fresh(whole)
      operation.status = "EXECUTING"
      operation.connections.push({ dropAfter: 4 }, { repeat: 3, dropAfter: 4 }, { repeat: 99 })
      expect((yield* read(source)).map((e) => e.id)).toEqual([0, 1, 2, 3, 4, 5, 6])
    }))

  it.effect("410, 425, 429, 5xx and a broken line mean later; Retry-After says when", () =>
    Effect.gen(function*() {
      const { fake, operation, source } = yield* fresh(whole)
      operation.status = "EXECUTING"
      operation.connections.push(
        { refuse: new Errors.TooEarlyError({ method: "e", retryAfterMillis: 3000 }) },
        { refuse: new Errors.GoneError({ method: "e" }) },
        { refuse: new Errors.RateLimitedError({ method: "e" }) },
        { refuse: new Errors.ServerError({ method: "e" }) },
        { refuse: transport }
      )
      const fiber = yield* Effect.fork(Stream.runCollect(Follow.follow(source)))
      yield* fake.awaitCalls("getOperation")
      yield* TestClock.adjust("2999 millis")
      expect(fake.named("operationEvents").length).toBe(1)
      yield* TestClock.adjust("1 millis")
      yield* fake.awaitCalls("operationEvents", 2)
      const events = yield* withClock(Fiber.join(fiber))
      expect(Chunk.size(events)).toBe(7)
    }))

  it.effect("401 and 403 are final", () =>
    Effect.gen(function*() {
      for (const error of [new Errors.UnauthorizedError({ method: "e" }), new Errors.ForbiddenError({ method: "e" })]) {
        const { fake, operation, source } = yield* fresh(whole)
        operation.connections.push({ refuse: error })
        expect(yield* Effect.flip(read(source))).toBe(error)
        expect(fake.named("operationEvents").length).toBe(1)
      }
    }))

  it.effect("a log that is not there yet is asked for again", () =>
    Effect.gen(function*() {
      const { operation, source } = yield* fresh(whole)
      operation.status = "EXECUTING"
      const missing = { refuse: new Errors.NotFoundError({ method: "e" }) }
      operation.connections.push(missing, missing)
      expect((yield* read(source)).length).toBe(7)
    }))

  it.effect("no route for events: the status is polled, and has the output", () =>
    Effect.gen(function*() {
      for (
        const error of [
          new Errors.BadRequestError({ method: "e" }),
          new Errors.UnexpectedStatusError({ method: "e", status: 405 }),
          new Errors.NotFoundError({ method: "e" })
        ]
      ) {
        const { fake, operation, source } = yield* fresh(whole)
        operation.status = "EXECUTING"
        operation.connections.push(...Array.from({ length: 20 }, () => ({ refuse: error })))
        const fiber = yield* Effect.fork(Stream.runCollect(Follow.follow(source)))
        for (let i = 0; i < 8; i++) yield* TestClock.adjust("5 seconds")
        expect(fiber.unsafePoll()).toBeNull()
        const connections = fake.named("operationEvents").length
        expect(connections).toBe(error._tag === "NotFoundError" ? 4 : 1)
        operation.status = "SUCCESS"
        const events = Chunk.toReadonlyArray(yield* withClock(Fiber.join(fiber)))
        expect(types(events)).toEqual(["stdout", "stderr", "completion"])
        expect(bytesOf(events, "stdout")).toBe(hex("onetwothree"))
        expect(fake.named("operationEvents").length).toBe(connections)
      }
    }))

  it.effect("ended without a completion: the log is drained, else the status fills in what is missing", () =>
    Effect.gen(function*() {
      const drained = yield* fresh(whole)
      drained.operation.connections.push({ dropAfter: 3 }, { refuse: transport })
      expect((yield* read(drained.source)).map((e) => e.id)).toEqual([0, 1, 2, 3, 4, 5, 6])
      expect(drained.fake.named("operationEvents").map((c) => c.args[1])).toEqual([
        { follow: true },
        { lastEventId: 2 },
        { lastEventId: 2 }
      ])
      const lost = yield* fresh(whole)
      lost.operation.connections.push({ dropAfter: 3 }, ...Array.from({ length: 3 }, () => ({ refuse: transport })))
      const events = yield* read(lost.source)
      expect(types(events)).toEqual(["init", "spawn", "stdout", "stdout", "stderr", "completion"])
      expect(bytesOf(events, "stdout")).toBe(hex("onetwothree"))
      expect(bytesOf(events, "stderr")).toBe(hex("e"))
      expect(events.at(-1)!.data["status"]).toBe("SUCCESS")
    }))

  it.effect("what is in neither log nor status is not made up", () =>
    Effect.gen(function*() {
      const { operation, source } = yield* fresh(whole)
      operation.result = null
      operation.connections.push(...Array.from({ length: 4 }, (): Connection => ({ dropAfter: 0 })))
      expect(yield* Effect.flip(read(source))).toBeInstanceOf(Errors.EventStreamError)
    }))

  it.effect("what follows a piece of unknown size is not guessed from the status", () =>
    Effect.gen(function*() {
      const { operation, source } = yield* fresh((o) =>
        void o.stdout("one").emit("stdout", { value: "74776f", encoding: "hex" }).stdout("three").exit(0)
      )
      operation.connections.push({ dropAfter: 2 }, ...Array.from({ length: 3 }, () => ({ refuse: transport })))
      expect(yield* Effect.flip(read(source))).toBeInstanceOf(Errors.EventStreamError)
    }))

  it.effect("what is neither in the log nor in the status for a few turns is not there", () =>
    Effect.gen(function*() {
      const { fake, operation, source } = yield* fresh(whole)
      const missing = new Errors.NotFoundError({ method: "e" })
      operation.connections.push(...Array.from({ length: 50 }, () => ({ refuse: missing })))
      fake.failures.set("getOperation", Array.from({ length: 50 }, () => missing))
      const fiber = yield* Effect.fork(Effect.flip(Stream.runDrain(Follow.follow(source))))
      yield* TestClock.adjust("1 second")
      expect(fiber.unsafePoll()).not.toBeNull()
      expect(yield* Fiber.join(fiber)).toBe(missing)
      expect(fake.named("operationEvents").length).toBe(4)
    }))

  it.effect("an event that nobody can read is asked for twice; then the status tells the rest", () =>
    Effect.gen(function*() {
      const { fake, operation, source } = yield* fresh(whole)
      operation.status = "EXECUTING"
      const tooLong = new Errors.EventStreamError({ method: "e", operationId: operation.id, retryable: false })
      operation.connections.push(
        { dropAfter: 3, error: tooLong },
        ...Array.from({ length: 50 }, () => ({ refuse: tooLong }))
      )
      const fiber = yield* Effect.fork(Stream.runCollect(Follow.follow(source)))
      for (let i = 0; i < 8; i++) yield* TestClock.adjust("5 seconds")
      expect(fake.named("operationEvents").length).toBe(2)
      operation.status = "SUCCESS"
      expect(bytesOf(Chunk.toReadonlyArray(yield* withClock(Fiber.join(fiber))), "stdout")).toBe(hex("onetwothree"))
      expect(fake.named("operationEvents").length).toBe(2)
      const replayed = yield* Effect.flip(withClock(Stream.runDrain(Follow.replay(source))))
      expect([replayed, fake.named("operationEvents").length]).toEqual([tooLong, 4])
    }))

  it.effect("the rest of a log that is gone is no success; one that was read to its end is", () =>
    Effect.gen(function*() {
      const gone = new Errors.GoneError({ method: "e" })
      const rest = (source: Follow.Source, after: number) =>
        withClock(Effect.map(Stream.runCollect(Follow.follow(source, { after })), Chunk.toReadonlyArray))
      const lost = yield* fresh(whole)
      lost.operation.connections.push(...Array.from({ length: 50 }, () => ({ refuse: gone })))
      expect(yield* Effect.flip(rest(lost.source, 2))).toBeInstanceOf(Errors.EventStreamError)
      const noRoute = yield* fresh(whole)
      const refused = { refuse: new Errors.BadRequestError({ method: "e" }) }
      noRoute.operation.connections.push(...Array.from({ length: 50 }, () => refused))
      expect(yield* Effect.flip(rest(noRoute.source, 2))).toBeInstanceOf(Errors.EventStreamError)
      const read = yield* fresh(whole)
      expect(types(yield* rest(read.source, 6))).toEqual(["completion"])
    }))

  it.effect("no server puts a reader to sleep for more than a minute", () =>
    Effect.gen(function*() {
      const { fake, operation, source } = yield* fresh(whole)
      operation.status = "EXECUTING"
      operation.connections.push({ refuse: new Errors.TooEarlyError({ method: "e", retryAfterMillis: 86_400_000 }) })
      const fiber = yield* Effect.fork(Stream.runCollect(Follow.follow(source)))
      yield* fake.awaitCalls("getOperation")
      yield* TestClock.adjust("59 seconds")
      expect(fake.named("operationEvents").length).toBe(1)
      yield* TestClock.adjust("1 second")
      expect(Chunk.size(yield* Fiber.join(fiber))).toBe(7)
    }))

  it.effect("gives up when neither log nor status answers, and not before", () =>
    Effect.gen(function*() {
      const { fake, operation, source } = yield* fresh(whole)
      operation.connections.push(...Array.from({ length: 50 }, () => ({ refuse: transport })))
      fake.failures.set("getOperation", Array.from({ length: 50 }, () => transport))
      expect(yield* Effect.flip(read(source))).toBe(transport)
      expect(fake.named("operationEvents").length).toBe(Follow.maxFailures)
    }))

  it.effect("a quiet operation is followed as long as its status answers", () =>
    Effect.gen(function*() {
      const { operation, source } = yield* fresh((o) => void o.spawned())
      operation.connections.push(...Array.from({ length: 40 }, () => ({ dropAfter: 0 })))
      const fiber = yield* Effect.fork(Stream.runCollect(Follow.follow(source)))
      for (let i = 0; i < 60; i++) yield* TestClock.adjust("5 seconds")
      expect(fiber.unsafePoll()).toBeNull()
      operation.exit(0)
      expect(Chunk.size(yield* withClock(Fiber.join(fiber)))).toBe(3)
    }))

  it.effect("a replay ends with what is there, and mends breaks too", () =>
    Effect.gen(function*() {
      const { operation, source } = yield* fresh((o) => void o.spawned().stdout("x"))
      operation.connections.push({ dropAfter: 2, error: transport })
      const events = yield* withClock(Stream.runCollect(Follow.replay(source)))
      expect(types(Chunk.toReadonlyArray(events))).toEqual(["init", "spawn", "stdout"])
      const after = yield* Stream.runCollect(Follow.replay(source, { after: 1 }))
      expect(types(Chunk.toReadonlyArray(after))).toEqual(["stdout"])
    }))

  const Piece = Schema.Struct({
    stream: Schema.Literal("stdout", "stderr"),
    bytes: Schema.Uint8ArrayFromSelf,
    other: Schema.Boolean
  })
  const Break = FastCheck.record({
    dropAfter: FastCheck.nat({ max: 5 }),
    repeat: FastCheck.nat({ max: 4 }),
    isError: FastCheck.boolean()
  })
  it.effect.prop(
    "however a log is cut, every byte comes once and in order",
    {
      pieces: FastCheck.array(Arbitrary.make(Piece), { maxLength: 12 }),
      breaks: FastCheck.array(Break, { maxLength: 8 }),
      endsAfter: FastCheck.nat({ max: 20 }),
      isLost: FastCheck.boolean()
    },
    ({ breaks, endsAfter, isLost, pieces }) =>
      Effect.gen(function*() {
        const { operation, source } = yield* fresh((o) => {
          o.spawned()
          for (const { bytes, other, stream } of pieces) {
            if (other) o.emit(stream, { ...StreamRepr.fromBytes(bytes) }, 2)
            o.write(stream, bytes)
          }
          o.exit(0)
        })
        operation.connections.push(...breaks.map(({ dropAfter, isError, repeat }) =>
          isError ? { dropAfter, repeat, error: transport } : { dropAfter, repeat }
        ))
        // the status may know of the end at any time, and the rest of the log may be gone by then
        operation.status = endsAfter < breaks.length ? "SUCCESS" : "EXECUTING"
        if (isLost) {
          operation.status = "SUCCESS"
          operation.connections.push(...Array.from({ length: 4 }, (): Connection => ({ dropAfter: 0 })))
        }
        const events = yield* read(source)
        for (const stream of ["stdout", "stderr"] as const) {
          const expected = Buffer.concat(
            pieces.filter((p) =>
              p.stream === stream
            ).map((p) => p.bytes)
          ).toString("hex")
          expect(bytesOf(events, stream)).toBe(expected)
        }
        expect(events.filter((e) => e.type === "completion").length).toBe(1)
        const ids = events.map((e) => e.id)
        expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
      }),
    { fastCheck: { numRuns: 60 } }
  )
})
