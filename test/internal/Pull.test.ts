import { describe, expect, it } from "@effect/vitest"
import {
  Chunk,
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  FastCheck,
  Fiber,
  Option,
  Ref,
  Stream,
  TestClock
} from "effect"
import type { Tracer } from "effect"
import * as Pull from "../../src/internal/Pull.js"
import { atEachStep, isOver } from "../support/pausedAt.js"

/** something to read that writes down when it is opened and closed, and how */
const noted = (log: Array<string>, name: string, items: ReadonlyArray<number>): Pull.Pulled<number, never> =>
  Effect.zipRight(
    Effect.acquireRelease(
      Effect.sync(() => log.push(`open ${name}`)),
      (_, exit) => Effect.sync(() => log.push(`close ${name} ${exit._tag}`))
    ),
    Pull.fromArray(items)
  )

const failing = (log: Array<string>): Pull.Pulled<number, string> =>
  Effect.map(noted(log, "it", []), () => Effect.fail(Option.some("broken")))

const collect = <A, E, E2>(pulled: Pull.Pulled<A, E, E2>): Effect.Effect<ReadonlyArray<A>, E | E2> =>
  Effect.suspend(() => {
    const items: Array<A> = []
    return Effect.as(Pull.forEachChunk(pulled, (chunk) => void items.push(...chunk)), items)
  })

describe("toStream", () => {
  it.effect("gives all there is, each time it is run, and closes at the end", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const stream = Pull.toStream(noted(log, "it", [1, 2]))
      for (let n = 0; n < 2; n++) expect(Chunk.toReadonlyArray(yield* Stream.runCollect(stream))).toEqual([1, 2])
      expect(log).toEqual(["open it", "close it Success", "open it", "close it Success"])
    }))

  it.effect("closes when its consumer stops, and when reading fails", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* Stream.runDrain(Stream.take(Pull.toStream(noted(log, "it", [1, 2])), 1))
      expect(log).toEqual(["open it", "close it Success"])
      expect(yield* Effect.flip(Stream.runDrain(Pull.toStream(failing(log))))).toBe("broken")
      expect(log.slice(2)).toEqual(["open it", "close it Failure"])
    }))

  it.effect("closes when it is interrupted, also before it has begun to give anything", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const begun = yield* Deferred.make<void>()
      const stuck = Effect.zipRight(
        noted(log, "it", []),
        Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never)
      )
      const fiber = yield* Effect.fork(Stream.runDrain(Pull.toStream(stuck)))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      expect(log).toEqual(["open it", "close it Failure"])
    }))

  it.effect("goes on after a chunk of nothing", () =>
    Effect.gen(function*() {
      const chunks = [Chunk.empty<number>(), Chunk.of(1), Chunk.empty<number>(), Chunk.of(2)]
      const pull = Effect.suspend(() => {
        const next = chunks.shift()
        return next === undefined ? Pull.ended : Effect.succeed(next)
      })
      expect(Chunk.toReadonlyArray(yield* Stream.runCollect(Pull.toStream(Effect.succeed(pull))))).toEqual([1, 2])
    }))

  it.effect("fails as its beginning does", () =>
    Effect.gen(function*() {
      expect(yield* Effect.flip(Stream.runDrain(Pull.toStream(Effect.fail("no"))))).toBe("no")
    }))
})

describe("fromStream", () => {
  it.effect("is what the stream was made of, or the stream", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const made = Pull.toStream(noted(log, "it", [1, 2]))
      expect(yield* collect(Pull.fromStream(made))).toEqual([1, 2])
      expect(log).toEqual(["open it", "close it Success"])
      expect(yield* collect(Pull.fromStream(Stream.map(made, (n) => n * 2)))).toEqual([2, 4])
    }))

  it.effect("begins when it is asked, and fails then", () =>
    Effect.scoped(Effect.gen(function*() {
      const log: Array<string> = []
      const pull = yield* Pull.fromStream(Pull.toStream(noted(log, "it", [1])))
      expect(log).toEqual([])
      yield* pull
      expect(log).toEqual(["open it"])
      const refused = yield* Pull.fromStream(Pull.toStream(Effect.fail("no")))
      expect(yield* Effect.flip(refused)).toEqual(Option.some("no"))
    })))
})

describe("fromArray", () => {
  it.effect("gives all at once, if there is anything, and does the rest before it ends", () =>
    Effect.scoped(Effect.gen(function*() {
      let isDone = false
      const done = Effect.sync(() => {
        isDone = true
      })
      const pull = yield* Pull.fromArray([1, 2], done)
      expect(Chunk.toReadonlyArray(yield* pull)).toEqual([1, 2])
      expect(isDone).toBe(false)
      expect(yield* Effect.exit(pull)).toEqual(Exit.fail(Option.none()))
      expect(isDone).toBe(true)
      expect(yield* Effect.exit(yield* Effect.map(Pull.fromArray([]), (none) => none))).toEqual(
        Exit.fail(Option.none())
      )
    })))
})

describe("sequence", () => {
  it.effect("closes a part before it hands its failure on", () =>
    Effect.scoped(Effect.gen(function*() {
      const log: Array<string> = []
      const pull = yield* Pull.sequence(Effect.succeed(failing(log)))
      expect(yield* Effect.flip(pull)).toEqual(Option.some("broken"))
      expect(log).toEqual(["open it", "close it Failure"])
    })))

  it("closes all of a part, whenever it is interrupted", () => {
    const outcomes = atEachStep(() => {
      let open = 0
      const held = Effect.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--))
      let left = 2
      const next = Effect.suspend(() =>
        left-- > 0 ? Effect.succeed(Effect.zipRight(held, Effect.zipRight(held, Pull.fromArray([1])))) : Pull.ended
      )
      return {
        run: collect(Pull.sequence(next)),
        event: (fiber) => fiber.unsafeInterruptAsFork(fiber.id()),
        then: (fiber) => isOver(fiber) && open === 0
      }
    }, 300)
    expect(outcomes).not.toContain(false)
  })

  it.effect("reads one after the other, and closes each before it asks for the next", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const turns = [noted(log, "a", [1, 2]), undefined, noted(log, "b", []), noted(log, "c", [3])]
      const next = Effect.suspend(() => {
        log.push("next")
        return turns.length === 0 ? Pull.ended : Effect.succeed(turns.shift())
      })
      expect(yield* collect(Pull.sequence(next))).toEqual([1, 2, 3])
      expect(log.join(", ")).toBe(
        "next, open a, close a Success, next, next, open b, close b Success, next, open c, close c Success, next"
      )
    }))

  it.effect("fails as a part or the choice of the next one does, and closes all the same", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      expect(yield* Effect.flip(collect(Pull.sequence(Effect.succeed(failing(log)))))).toBe("broken")
      expect(log).toEqual(["open it", "close it Failure"])
      expect(yield* Effect.flip(collect(Pull.sequence(Effect.fail(Option.some("none")))))).toBe("none")
    }))

  it.effect("closes what is being read when nobody wants more", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* Effect.scoped(Effect.flatMap(Pull.sequence(Effect.succeed(noted(log, "it", [1]))), (pull) => pull))
      expect(log).toEqual(["open it", "close it Success"])
    }))

  it.effect("is the same as one stream after the other", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(FastCheck.option(FastCheck.array(FastCheck.integer(), { maxLength: 4 }), { nil: undefined })),
          async (parts) => {
            const left = [...parts]
            const next = Effect.suspend(() => {
              if (left.length === 0) return Pull.ended
              const part = left.shift()
              return Effect.succeed(part === undefined ? undefined : Pull.fromArray(part))
            })
            expect(await Effect.runPromise(collect(Pull.sequence(next)))).toEqual(parts.flatMap((part) => part ?? []))
          }
        )
      )
    ))
})

describe("concluded", () => {
  it.effect("comes after all was read, and not after a failure", () =>
    Effect.gen(function*() {
      let times = 0
      const conclude = Effect.sync(() => void times++)
      const with_ = <E>(pulled: Pull.Pulled<number, E>) =>
        collect(Effect.map(pulled, (pull) => Pull.concluded(pull, conclude)))
      expect(yield* with_(Pull.fromArray([1]))).toEqual([1])
      expect(times).toBe(1)
      expect(yield* Effect.flip(with_(failing([])))).toBe("broken")
      expect(times).toBe(1)
      const objecting = Effect.map(Pull.fromArray([1]), (pull) => Pull.concluded(pull, Effect.fail("wrong")))
      expect(yield* Effect.flip(collect(objecting))).toBe("wrong")
    }))
})

describe("through", () => {
  it.effect("changes each chunk, with a state of its own for each reading, and closes what it reads", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const counted = Pull.through(Pull.toStream(noted(log, "it", [7, 8])), (pull) => {
        let count = 0
        return Effect.map(pull, Chunk.map((n) => [++count, n] as const))
      })
      for (let n = 0; n < 2; n++) {
        expect(Chunk.toReadonlyArray(yield* Stream.runCollect(counted))).toEqual([[1, 7], [2, 8]])
      }
      expect(log).toEqual(["open it", "close it Success", "open it", "close it Success"])
    }))

  it.effect("takes any stream, and what that needs is still to be provided", () =>
    Effect.gen(function*() {
      class Start extends Context.Tag("Start")<Start, number>() {}
      const stream = Stream.fromIterableEffect(Effect.map(Start, (n) => [n, n + 1]))
      const doubled = Pull.through(stream, Effect.map(Chunk.map((n) => n * 2)))
      const found = yield* Stream.runCollect(doubled).pipe(Effect.provideService(Start, 3))
      expect(Chunk.toReadonlyArray(found)).toEqual([6, 8])
    }))
})

describe("endingWith", () => {
  const ending = (pulled: Pull.Pulled<number, string>) =>
    Pull.through(Pull.toStream(pulled), (pull) => Pull.endingWith(pull, () => Chunk.of(99)))

  it.effect("gives the last once, and none after a failure", () =>
    Effect.gen(function*() {
      expect(Chunk.toReadonlyArray(yield* Stream.runCollect(ending(Pull.fromArray([1]))))).toEqual([1, 99])
      expect(Chunk.toReadonlyArray(yield* Stream.runCollect(ending(Pull.fromArray([]))))).toEqual([99])
      const seen: Array<number> = []
      const broken = Stream.runForEach(ending(failing([])), (n) => Effect.sync(() => void seen.push(n)))
      expect(yield* Effect.flip(broken)).toBe("broken")
      expect(seen).toEqual([])
    }))
})

describe("limited", () => {
  const limit = Duration.seconds(10)
  const late = () => "late"

  it.effect("is of the whole, and gives up what is waited for then", () =>
    Effect.scoped(Effect.gen(function*() {
      const given = yield* Ref.make(false)
      const slow = Effect.onInterrupt(Effect.as(Effect.sleep("6 seconds"), Chunk.of(1)), () => Ref.set(given, true))
      const pull = yield* Pull.limited(slow, limit, late)
      const fiber = yield* Effect.fork(Effect.zip(pull, Effect.flip(pull)))
      yield* TestClock.adjust("9 seconds")
      expect([fiber.unsafePoll(), yield* Ref.get(given)]).toEqual([null, false])
      yield* TestClock.adjust("1 seconds")
      expect(yield* Fiber.join(fiber)).toEqual([Chunk.of(1), Option.some("late")])
      expect(yield* Ref.get(given)).toBe(true)
    })))

  it.effect("refuses what is asked for later, though it be there", () =>
    Effect.gen(function*() {
      const pull = yield* Pull.limited(Effect.succeed(Chunk.of(1)), limit, late)
      yield* TestClock.adjust("9999 millis")
      expect(yield* pull).toEqual(Chunk.of(1))
      yield* TestClock.adjust("1 millis")
      expect(yield* Effect.flip(pull)).toEqual(Option.some("late"))
    }))

  it.effect("lets the end and the failures through", () =>
    Effect.gen(function*() {
      expect(yield* Effect.flip(yield* Pull.limited(Pull.ended, limit, late))).toEqual(Option.none())
      const broken = yield* Pull.limited(Effect.fail(Option.some("broken")), limit, late)
      expect(yield* Effect.flip(broken)).toEqual(Option.some("broken"))
    }))
})

describe("withSpan", () => {
  const parent = Effect.map(Effect.orDie(Effect.currentSpan), ({ name }) => name)

  it.effect("is the parent of what is asked for later too", () =>
    Effect.gen(function*() {
      const names: Array<string> = []
      const asking = Effect.map(Pull.fromArray([1]), (pull) =>
        Effect.zipRight(Effect.map(Effect.orDie(Effect.currentSpan), ({ name }) => void names.push(name)), pull))
      yield* collect(Pull.withSpan("reading", {})(asking))
      expect(names).toEqual(["reading", "reading"])
    }))

  it.effect("ends with the scope, as that does, and is the parent of what begins in it", () =>
    Effect.gen(function*() {
      const spans: Array<unknown> = []
      const seen = Effect.map(Effect.currentSpan, (span) => void spans.push(span))
      const traced = Pull.withSpan("reading", {})(Effect.zipRight(Effect.orDie(seen), failing([])))
      const exit = yield* Effect.exit(collect(traced))
      expect(exit).toEqual(Exit.fail("broken"))
      expect(spans).toMatchObject([{ name: "reading", status: { _tag: "Ended" } }])
    }))

  it.effect("is the parent of all that reading does", () =>
    Effect.gen(function*() {
      let left = 2
      const next = Effect.suspend(() => left-- > 0 ? Effect.map(parent, (name) => Pull.fromArray([name])) : Pull.ended)
      const traced = Pull.withSpan("reading", {})(Pull.sequence(next))
      const read = Effect.withSpan(Stream.runCollect(Pull.toStream(traced)), "outside")
      expect(Chunk.toReadonlyArray(yield* read)).toEqual(["reading", "reading"])
    }))

  it.effect("knows the failure that whoever reads takes for the end", () =>
    Effect.gen(function*() {
      const read = <E, E2>(pulled: Pull.Pulled<number, E, E2>) =>
        Effect.gen(function*() {
          const span = yield* Deferred.make<Tracer.Span>()
          const told = Effect.flatMap(Effect.orDie(Effect.currentSpan), (span_) => Deferred.succeed(span, span_))
          const traced = Pull.withSpan("reading", {})(Effect.zipRight(told, pulled))
          yield* Effect.scoped(Effect.ignore(Effect.flatMap(traced, Effect.forever)))
          return (yield* Deferred.await(span)).status
        })
      expect(yield* read(failing([]))).toMatchObject({ _tag: "Ended", exit: Exit.fail("broken") })
      expect(yield* read(Effect.fail("no"))).toMatchObject({ _tag: "Ended", exit: Exit.fail("no") })
      expect(yield* read(Pull.fromArray([1]))).toMatchObject({ _tag: "Ended", exit: Exit.void })
    }))
})
