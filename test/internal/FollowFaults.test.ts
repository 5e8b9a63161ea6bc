import { describe, expect, it } from "@effect/vitest"
import { Chunk, Duration, Effect, Fiber, Queue, Stream, TestClock } from "effect"
import { Errors, Ids, StreamRepr } from "effect-contree"
import type { Event } from "effect-contree"
import * as Follow from "../support/follow.js"
import * as SseRetry from "../../src/internal/SseRetry.js"
import * as Views from "../../src/services/ProcessViews.js"
import { type Fake, type FakeOperation, makeFake, uuid } from "../support/fakeApi.js"
import { apiOn } from "../support/httpClients.js"
import { stub } from "../support/httpStub.js"

interface Started {
  readonly fake: Fake
  readonly operation: FakeOperation
  readonly source: Follow.Source
}

const fresh = (write: (operation: FakeOperation) => void): Effect.Effect<Started> =>
  Effect.suspend(() => {
    const fake = makeFake()
    fake.onSpawn = write
    return Effect.map(Effect.orDie(fake.api.spawnInstance({ command: "x", image: "x" })), () => {
      const operation = fake.operations[0]!
      return { fake, operation, source: Views.source(fake.api, "test", operation.id) }
    })
  })

const transport = new Errors.TransportError({ method: "events" })
const whole = (o: FakeOperation) => void o.spawned().stdout("one").stderr("e").stdout("two").stdout("three").exit(0)

/** while the clock goes on, as far as a bound */
const withClock = <A, E>(self: Effect.Effect<A, E>, step: Duration.DurationInput = "500 millis", steps = 600) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(self)
    for (let i = 0; i < steps && fiber.unsafePoll() === null; i++) yield* TestClock.adjust(step)
    return yield* Fiber.join(fiber)
  })

const readWith = (follow: typeof Follow.follow) => (source: Follow.Source) =>
  withClock(Effect.map(Stream.runCollect(follow(source)), Chunk.toReadonlyArray))
const read = readWith(Follow.follow)

const textOf = (events: Iterable<Event.OperationEvent>, stream: "stdout" | "stderr"): string =>
  Buffer.concat(
    [...events].filter((e) => e.type === stream && e.spid === 1).map((e) =>
      StreamRepr.toBytes(e.data as { readonly value: string; readonly encoding: "ascii" | "base64" })!
    )
  ).toString("utf8")

/** connections that hand the log out as `change` says, by number from 0 */
const changed = (
  { fake, operation, source }: Started,
  change: (events: ReadonlyArray<Event.OperationEvent>, connection: number) => ReadonlyArray<Event.OperationEvent>
): Follow.Source => ({
  ...source,
  events: (query) => {
    const connection = fake.named("operationEvents").length
    fake.calls.push({ method: "operationEvents", args: [operation.id, query] })
    const after = query.lastEventId ?? -1
    return Stream.fromIterable(change(operation.log.filter((event) => event.id > after), connection))
  }
})

/** 2 and 3 change places */
const swapped = (events: ReadonlyArray<Event.OperationEvent>): ReadonlyArray<Event.OperationEvent> => {
  const at = events.findIndex((event) => event.id === 2)
  return at === -1 ? events : [...events.slice(0, at), events[at + 1]!, events[at]!, ...events.slice(at + 2)]
}

describe("the order of a log", () => {
  it.effect("what overtakes another event waits for it: nothing is lost", () =>
    Effect.gen(function*() {
      const made = yield* fresh(whole)
      made.operation.status = "EXECUTING"
      const events = yield* read(changed(made, (all, n) => n === 0 ? swapped(all) : all))
      expect(events.map((e) => e.id)).toEqual([0, 1, 2, 3, 4, 5, 6])
      expect(made.fake.named("operationEvents").map((call) => call.args[1])).toEqual([
        { follow: true },
        { follow: true, lastEventId: 1 }
      ])
    }))

  it.effect("what overtakes another each time is an error, never a hole", () =>
    Effect.gen(function*() {
      const made = yield* fresh(whole)
      made.operation.status = "EXECUTING"
      const source = changed(made, swapped)
      for (const follow of [Follow.follow, Follow.replay]) {
        const error = yield* Effect.flip(withClock(Stream.runDrain(follow(source))))
        expect(error).toMatchObject({ _tag: "EventStreamError", retryable: false })
        expect(error.message).toContain("event 2 came late")
      }
    }))

  const without = (made: Started, left: ReadonlyArray<number>): Follow.Source =>
    changed(made, (all) => all.filter((event) => !left.includes(event.id)))

  it.effect("a log that leaves numbers out is asked for them once, and then taken as it is", () =>
    Effect.gen(function*() {
      for (const left of [[0], [1], [0, 1]]) {
        for (const read of [readWith(Follow.follow), readWith(Follow.replay)]) {
          const made = yield* fresh(whole)
          const events = yield* read(without(made, left))
          expect(events.map((e) => e.id)).toEqual([0, 1, 2, 3, 4, 5, 6].filter((id) => !left.includes(id)))
          expect(made.fake.named("operationEvents").length).toBe(2)
        }
      }
    }))

  it.effect("but not where the status knows of more output than it gave", () =>
    Effect.gen(function*() {
      for (const left of [[2, 4], [3], [5], [0, 1, 3, 5]]) {
        for (const read of [readWith(Follow.follow), readWith(Follow.replay)]) {
          const error = yield* Effect.flip(read(without(yield* fresh(whole), left)))
          expect(error).toMatchObject({
            _tag: "EventStreamError",
            message: expect.stringContaining("than the log gave")
          })
        }
      }
    }))

  it.effect("and the status is waited for, which may come after the log's end", () =>
    Effect.gen(function*() {
      /** so many answers say that it goes on, and have nothing of its output */
      const lagging = (source: Follow.Source, answers: number): Follow.Source => {
        let asked = 0
        return {
          ...source,
          operation: Effect.map(source.operation, (operation) =>
            asked++ < answers
              ? { uuid: operation.uuid, kind: "instance", status: "EXECUTING", metadata: null }
              : operation)
        }
      }
      for (const read of [readWith(Follow.follow), readWith(Follow.replay)]) {
        const events = yield* read(lagging(without(yield* fresh(whole), [0]), 5))
        expect(textOf(events, "stdout")).toBe("onetwothree")
        const lost = yield* Effect.flip(read(lagging(without(yield* fresh(whole), [4]), 5)))
        expect(lost).toMatchObject({ _tag: "EventStreamError", message: expect.stringContaining("than the log gave") })
        const never = yield* Effect.flip(read(lagging(without(yield* fresh(whole), [0]), 99)))
        expect(never).toMatchObject({
          _tag: "EventStreamError",
          message: expect.stringContaining("EXECUTING all the same")
        })
      }
    }))

  /**
   * Of A to E in one byte each, B comes after C each time and is cut off the second time; D comes, and then the log is lost
   * as `loss` says.
   */
  const overtaken = (made: Started, loss: Errors.GoneError | Errors.BadRequestError): Follow.Source => {
    const given = [[0, 2], [2], [3]]
    const source = changed(made, (all, connection) => all.filter(({ id }) => given[connection]?.includes(id)))
    return {
      ...source,
      events: (query) =>
        made.fake.named("operationEvents").length < given.length ? source.events(query) : Stream.fail(loss)
    }
  }

  it.effect("what the log gave and the status do not go together after a hole: nothing is filled in by count", () =>
    Effect.gen(function*() {
      for (const loss of [new Errors.GoneError({ method: "e" }), new Errors.BadRequestError({ method: "e" })]) {
        for (const at of [0, 30]) {
          const made = yield* fresh((o) => void o.stdout("A").stdout("B").stdout("C").stdout("D").stdout("E"))
          const seen: Array<Event.OperationEvent> = []
          const reading = Stream.runForEach(
            Follow.follow(overtaken(made, loss)),
            (event) => Effect.sync(() => seen.push(event))
          )
          const fiber = yield* Effect.fork(Effect.flip(reading))
          yield* TestClock.adjust(Duration.seconds(at))
          made.operation.exit(0)
          yield* TestClock.adjust("1 minute")
          const error = yield* Fiber.join(fiber)
          expect(error).toMatchObject({ _tag: "EventStreamError", message: expect.stringContaining("the log is gone") })
          expect(textOf(seen, "stdout")).toBe("ACD")
        }
      }
    }))

  it.effect("a hole with nothing of the output in it is no loss, whether the log is there to its end or not", () =>
    Effect.gen(function*() {
      for (const loss of [new Errors.GoneError({ method: "e" }), new Errors.BadRequestError({ method: "e" })]) {
        const made = yield* fresh((o) => void o.stdout("A").emit("network", {}, 0).stdout("C").stdout("D").stdout("E"))
        const fiber = yield* Effect.fork(Stream.runCollect(Follow.follow(overtaken(made, loss))))
        yield* TestClock.adjust("30 seconds")
        made.operation.stdout("F").exit(0)
        yield* TestClock.adjust("1 minute")
        expect(textOf(yield* Fiber.join(fiber), "stdout")).toBe("ACDEF")
      }
    }))

  it.effect("a replay of what goes on is no beginning of the output, if the status begins otherwise", () =>
    Effect.gen(function*() {
      const goesOn = (o: FakeOperation) => void o.spawned().stdout("one").stderr("e").stdout("two")
      const behind = (made: Started, left: ReadonlyArray<number>): Follow.Source => {
        const source = without(made, left)
        // it writes on while the log is read
        const more = Effect.sync(() => made.operation.stdout("three"))
        return { ...source, inflight: Effect.zipRight(more, source.inflight!) }
      }
      for (const left of [[0], [1], [0, 1]]) {
        const events = yield* readWith(Follow.replay)(behind(yield* fresh(goesOn), left))
        expect(textOf(events, "stdout")).toBe("onetwo")
      }
      const error = yield* Effect.flip(readWith(Follow.replay)(behind(yield* fresh(goesOn), [2])))
      expect(error).toMatchObject({
        _tag: "EventStreamError",
        message: expect.stringContaining("other bytes of stdout")
      })
    }))

  it.effect("an event that comes twice counts once", () =>
    Effect.gen(function*() {
      const made = yield* fresh(whole)
      const events = yield* read(changed(made, (all) => all.flatMap((event) => [event, event])))
      expect(events.map((e) => e.id)).toEqual([0, 1, 2, 3, 4, 5, 6])
      expect(made.fake.named("operationEvents").length).toBe(1)
    }))
})

describe("a run whose log is absent", () => {
  it.effect("shows its output while it runs, every byte once", () =>
    Effect.gen(function*() {
      const { fake, operation, source } = yield* fresh((o) => void o.spawned())
      operation.connections.push(...Array.from({ length: 99 }, () => ({
        refuse: new Errors.UnexpectedStatusError({ method: "e", status: 405 })
      })))
      const seen = yield* Queue.unbounded<Event.OperationEvent>()
      const following = yield* Effect.fork(
        Stream.runForEach(Follow.follow(source), (event) => Queue.offer(seen, event))
      )
      const all: Array<Event.OperationEvent> = []
      const later = Effect.map(
        Effect.zipRight(TestClock.adjust("5 seconds"), Queue.takeAll(seen)),
        (events) => all.push(...events)
      )
      const bytes = Buffer.from("é漢😀".repeat(3), "utf8")
      // pieces that no character respects
      for (let at = 0; at < bytes.length; at += 5) {
        operation.stdout(bytes.subarray(at, at + 5))
        if (at % 2 === 0) operation.stderr(`${at};`)
        yield* later
        expect(Buffer.concat(all.filter((e) => e.type === "stdout").map((e) => StreamRepr.toBytes(e.data as never)!)))
          .toEqual(bytes.subarray(0, at + 5))
      }
      const quiet = all.length
      yield* later
      expect(all.length).toBe(quiet)
      operation.stdout("the end").exit(0)
      yield* later
      yield* Fiber.join(following)
      expect(textOf(all, "stdout")).toBe(`${bytes.toString("utf8")}the end`)
      expect(textOf(all, "stderr")).toBe("0;10;20;")
      const ids = all.map((e) => e.id)
      expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
      expect(all.at(-1)!.type).toBe("completion")
      expect(fake.named("operationEvents").length).toBe(1)
    }))

  const resultWith = (stdout: string) => ({
    stdout: StreamRepr.fromBytes(Buffer.from(stdout)),
    stderr: StreamRepr.fromBytes(Buffer.of())
  })

  it.effect("a status without a prefix of what was read adds nothing to it", () =>
    Effect.gen(function*() {
      for (const text of ["on", "oneTwo", "one two three"]) {
        const { fake, operation, source } = yield* fresh((o) => void o.spawned().stdout("one").stdout("two"))
        operation.connections.push(
          { dropAfter: 4 },
          ...Array.from({ length: 99 }, () => ({
            refuse: new Errors.BadRequestError({ method: "e" })
          }))
        )
        const other = Effect.map(fake.api.getOperation(operation.id), (wire) => ({
          ...wire,
          ...(operation.isOver ? {} : { metadata: { result: resultWith(text) } })
        }))
        const following = yield* Effect.fork(
          Stream.runCollect(Follow.follow({ ...source, inflight: other as Follow.Source["operation"] }))
        )
        yield* TestClock.adjust("1 minute")
        operation.exit(0)
        yield* TestClock.adjust("1 minute")
        expect(textOf(yield* Fiber.join(following), "stdout")).toBe("onetwo")
      }
    }))

  it.effect("a last status that has less than was read cannot say what the lost log would have given", () =>
    Effect.gen(function*() {
      for (const isLost of [true, false]) {
        const { operation, source } = yield* fresh((o) => void o.spawned().stdout("one").stdout("two"))
        operation.settle("SUCCESS")
        operation.result = resultWith("on")
        const gone = { refuse: new Errors.GoneError({ method: "e" }) }
        operation.connections.push({ dropAfter: 4 }, ...(isLost ? Array.from({ length: 9 }, () => gone) : []))
        if (isLost) {
          expect(yield* Effect.flip(read(source))).toMatchObject({ _tag: "EventStreamError" })
        } else {
          // the log is there to its end, only that end is not
          expect(textOf(yield* read(source), "stdout")).toBe("onetwo")
        }
      }
    }))
})

describe("when to come back", () => {
  const retrying = (source: Follow.Source, millis: number): Follow.Source => ({
    ...source,
    events: (query) =>
      Stream.unwrap(Effect.map(SseRetry.observer, (tell) => {
        tell?.(millis)
        return source.events(query)
      }))
  })

  it.scoped("`retry:` is heard through the API, also when no event comes", () =>
    Effect.gen(function*() {
      const stream = () =>
        new Response("retry: 300\n\n: keepalive\n\n", { headers: { "content-type": "text/event-stream" } })
      const api = yield* apiOn(stub(stream).layer, "http://service.test")
      const heard: Array<number> = []
      const events = api.operationEvents(Ids.OperationId.make(uuid(1)))
      yield* SseRetry.observing((millis) => heard.push(millis))(Stream.runDrain(events))
      expect(heard).toEqual([300])
      // nobody who does not ask hears it
      yield* Stream.runDrain(events)
      expect(heard).toEqual([300])
    }))

  it.effect("`retry:` of a stream is a least pause, and no more than a minute", () =>
    Effect.gen(function*() {
      for (const [asked, pause] of [[7000, 7000], [86_400_000, 60_000], [0, 100]] as const) {
        const { fake, operation, source } = yield* fresh(whole)
        operation.status = "EXECUTING"
        operation.connections.push({ dropAfter: 2 })
        const fiber = yield* Effect.fork(Stream.runDrain(Follow.follow(retrying(source, asked))))
        yield* fake.awaitCalls("getOperation")
        yield* TestClock.adjust(pause - 1)
        expect(fake.named("operationEvents").length).toBe(1)
        yield* TestClock.adjust(1)
        yield* Fiber.join(fiber)
        expect(fake.named("operationEvents").length).toBe(2)
      }
    }))

  it.effect("Retry-After goes before `retry:`, and 0 is no invitation to hurry", () =>
    Effect.gen(function*() {
      for (const [asked, pause] of [[2000, 2000], [0, 100]] as const) {
        const { fake, operation, source } = yield* fresh(whole)
        operation.status = "EXECUTING"
        operation.connections.push({ refuse: new Errors.TooEarlyError({ method: "e", retryAfterMillis: asked }) })
        const fiber = yield* Effect.fork(Stream.runDrain(Follow.follow(retrying(source, 7000))))
        yield* fake.awaitCalls("getOperation")
        yield* TestClock.adjust(pause - 1)
        expect(fake.named("operationEvents").length).toBe(1)
        yield* TestClock.adjust(1)
        yield* Fiber.join(fiber)
      }
    }))
})

describe("a long run", () => {
  it.effect("an hour with a cut every thirty seconds loses nothing, and doubles nothing", () =>
    Effect.gen(function*() {
      const { fake, operation, source } = yield* fresh((o) => void o.spawned())
      const cut = (n: number): Follow.Source["events"] => (query) => {
        const connection = source.events(query)
        // closed in turn, and broken
        return n % 2 === 0
          ? Stream.interruptAfter(connection, "30 seconds")
          : Stream.interruptWhen(connection, Effect.zipRight(Effect.sleep("30 seconds"), Effect.fail(transport)))
      }
      const flaky = { ...source, events: (query: object) => cut(fake.named("operationEvents").length)(query) }
      const following = yield* Effect.fork(Stream.runCollect(Follow.follow(flaky)))
      const expected: Array<string> = []
      for (let second = 0; second < 3600; second += 15) {
        const line = `${second} é\n`
        expected.push(line)
        operation.stdout(line)
        yield* TestClock.adjust("15 seconds")
      }
      operation.exit(0)
      yield* TestClock.adjust("1 minute")
      const events = Chunk.toReadonlyArray(yield* Fiber.join(following))
      expect(textOf(events, "stdout")).toBe(expected.join(""))
      expect(events.map((e) => e.id)).toEqual(events.map((_, id) => id))
      expect(fake.named("operationEvents").length).toBeGreaterThan(115)
      expect(operation.open).toBe(0)
    }))

  it.effect("is read no faster than it is taken", () =>
    Effect.gen(function*() {
      let handed = 0
      const made = yield* fresh((o) => {
        for (let i = 0; i < 1000; i++) o.stdout("x")
        o.exit(0)
      })
      const slow: Follow.Source = {
        ...made.source,
        events: () =>
          Stream.rechunk(Stream.fromIterable(made.operation.log), 1).pipe(
            Stream.tap(() => Effect.sync(() => handed++))
          )
      }
      const three = yield* Stream.runCollect(Stream.take(Follow.follow(slow), 3))
      expect([Chunk.size(three), handed]).toEqual([3, 3])
    }))
})
