import { describe, expect, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Ref, TestClock } from "effect"
import * as TimeLimit from "../../src/internal/TimeLimit.js"
import { collectAll, collectYoung } from "../support/youngGarbage.js"
import { atEachStep, isOver } from "../support/pausedAt.js"

const limit = Duration.seconds(5)

/** goes on for ever; `ended` tells whether somebody stopped it */
const endless = Effect.map(Ref.make(false), (ended) => ({
  ended,
  work: Effect.onInterrupt(Effect.never, () => Ref.set(ended, true))
}))

describe("within", () => {
  it.effect("gives what comes in time, and the failure or the defect that it is", () =>
    Effect.gen(function*() {
      expect(yield* TimeLimit.within(Effect.succeed(1), limit, () => "late")).toBe(1)
      expect(yield* Effect.exit(TimeLimit.within(Effect.fail("no"), limit, () => "late"))).toEqual(Exit.fail("no"))
      expect(yield* Effect.exit(TimeLimit.within(Effect.die("oh"), limit, () => "late"))).toEqual(Exit.die("oh"))
      const slow = yield* Effect.fork(
        TimeLimit.within(Effect.delay(Effect.succeed(2), "4 seconds"), limit, () => "late")
      )
      yield* TestClock.adjust("4 seconds")
      expect(yield* Fiber.join(slow)).toBe(2)
    }))

  it.effect("stops what takes longer, not before its time, and then fails", () =>
    Effect.gen(function*() {
      const { ended, work } = yield* endless
      const fiber = yield* Effect.fork(TimeLimit.within(work, limit, () => "late"))
      yield* TestClock.adjust("4999 millis")
      expect(yield* Ref.get(ended)).toBe(false)
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.await(fiber)).toEqual(Exit.fail("late"))
      expect(yield* Ref.get(ended)).toBe(true)
    }))

  it.effect("stops it also where whoever waits must not be interrupted", () =>
    Effect.gen(function*() {
      const { work } = yield* endless
      const fiber = yield* Effect.fork(Effect.uninterruptible(TimeLimit.within(work, limit, () => "late")))
      yield* TestClock.adjust(limit)
      expect(yield* Fiber.await(fiber)).toEqual(Exit.fail("late"))
    }))

  it.effect("waits until it has stopped", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const stubborn = Effect.uninterruptible(Deferred.await(gate))
      const fiber = yield* Effect.fork(TimeLimit.within(stubborn, limit, () => "late"))
      yield* TestClock.adjust(limit)
      expect(yield* Fiber.poll(fiber)).toMatchObject({ _tag: "None" })
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.await(fiber)).toEqual(Exit.fail("late"))
    }))

  it.effect("takes what comes while the clock rings", () =>
    Effect.gen(function*() {
      const [ring, asleep, working] = yield* Effect.all([
        Deferred.make<void>(),
        Deferred.make<void>(),
        Deferred.make<void>()
      ])
      const come = yield* Deferred.make<number>()
      const after = <A>(told: Deferred.Deferred<void>, wait: Deferred.Deferred<A>) =>
        Effect.zipRight(Deferred.succeed(told, undefined), Deferred.await(wait))
      const clock = Object.assign(Clock.make(), { sleep: () => after(asleep, ring) })
      const fiber = yield* Effect.fork(
        Effect.withClock(TimeLimit.within(after(working, come), limit, () => "late"), clock)
      )
      yield* Deferred.await(working)
      yield* Deferred.await(asleep)
      yield* Effect.sync(() => {
        Deferred.unsafeDone(ring, Exit.void)
        Deferred.unsafeDone(come, Exit.succeed(7))
      })
      expect(yield* Fiber.join(fiber)).toBe(7)
    }))

  it.effect("an interruption stops it, and waits for that", () =>
    Effect.gen(function*() {
      const { ended, work } = yield* endless
      const fiber = yield* Effect.fork(TimeLimit.within(work, limit, () => "late"))
      yield* Effect.yieldNow()
      expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      expect(yield* Ref.get(ended)).toBe(true)
    }))

  it.effect("nothing sleeps any more for what has come or was interrupted", () =>
    Effect.gen(function*() {
      const asleep = yield* Ref.make(0)
      const sleep = Effect.ensuring(
        Effect.zipRight(Ref.update(asleep, (n) => n + 1), Effect.never),
        Ref.update(asleep, (n) => n - 1)
      )
      const clock = Object.assign(Clock.make(), { sleep: () => sleep })
      const bounded = <A, E>(work: Effect.Effect<A, E>) =>
        Effect.withClock(TimeLimit.within(work, limit, () => "late"), clock)
      const gate = yield* Deferred.make<void>()
      const awaiting = yield* Effect.fork(bounded(Deferred.await(gate)))
      const waiting = yield* Effect.fork(bounded(Effect.never))
      yield* Effect.yieldNow()
      expect(yield* Ref.get(asleep)).toBe(2)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(awaiting)
      yield* Effect.yieldNow()
      expect(yield* Ref.get(asleep)).toBe(1)
      yield* Fiber.interrupt(waiting)
      yield* Effect.yieldNow()
      expect(yield* Ref.get(asleep)).toBe(0)
    }))

  it.effect("an interruption that must wait does not reach it", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<number>()
      const outcome = yield* Deferred.make<Exit.Exit<number, string>>()
      const fiber = yield* Effect.fork(Effect.uninterruptible(
        TimeLimit.within(Deferred.await(gate), limit, () => "late").pipe(
          Effect.exit,
          Effect.flatMap((exit) => Deferred.succeed(outcome, exit))
        )
      ))
      yield* Effect.yieldNow()
      yield* Fiber.interruptFork(fiber)
      yield* Effect.yieldNow()
      yield* Deferred.succeed(gate, 4)
      expect(yield* Deferred.await(outcome)).toEqual(Exit.succeed(4))
    }))

  it("an interruption stops it whenever it comes, also before the waiting has begun", () => {
    const outcomes = atEachStep(() => {
      let state: "none" | "running" | "stopped" = "none"
      const work = Effect.async<never>(() => {
        state = "running"
        return Effect.sync(() => {
          state = "stopped"
        })
      })
      return {
        run: TimeLimit.within(work, limit, () => "late"),
        event: (fiber) => fiber.unsafeInterruptAsFork(fiber.id()),
        then: (fiber) => isOver(fiber) ? state : "stuck"
      }
    })
    expect([...new Set(outcomes)].sort()).toEqual(["none", "stopped"])
  })

  it.effect("by a clock that does not wait, all that takes time is late", () =>
    Effect.gen(function*() {
      const { ended, work } = yield* endless
      const clock = Object.assign(Clock.make(), { sleep: () => Effect.void })
      const exit = yield* Effect.exit(Effect.withClock(TimeLimit.within(work, limit, () => "late"), clock))
      expect(exit).toEqual(Exit.fail("late"))
      expect(yield* Ref.get(ended)).toBe(false)
    }))

  it.live("on the real clock", () =>
    Effect.gen(function*() {
      const { ended, work } = yield* endless
      expect(yield* Effect.flip(TimeLimit.within(work, Duration.millis(5), () => "late"))).toBe("late")
      expect(yield* Ref.get(ended)).toBe(true)
    }))

  it.live("leaves no timer behind", () =>
    Effect.gen(function*() {
      const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
      const before = timers()
      const long = Duration.minutes(5)
      for (let n = 0; n < 20; n++) {
        yield* TimeLimit.within(Effect.yieldNow(), long, () => "late")
        const fiber = yield* Effect.fork(TimeLimit.within(Effect.never, long, () => "late"))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(fiber)
      }
      expect(timers() - before).toBeLessThan(20)
    }))

  it.live("what the work gave can go as soon as nobody uses it", () =>
    Effect.gen(function*() {
      const size = 65_536
      const work = Effect.async<Uint8Array>((resume) => {
        setImmediate(() => resume(Effect.succeed(Buffer.allocUnsafeSlow(size))))
      })
      const read = (times: number) =>
        Effect.repeatN(TimeLimit.within(work, Duration.minutes(5), () => "late"), times - 1)
      yield* read(50)
      collectAll()
      // the fibers of now become old
      yield* Effect.andThen(TimeLimit.within(work, Duration.minutes(5), () => "late"), Effect.sync(collectYoung))
      const before = process.memoryUsage().arrayBuffers
      yield* read(100)
      collectYoung()
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * size)
    }))

  it.live("a time that no timer can hold is no limit", () =>
    Effect.gen(function*() {
      for (const limit of [Duration.infinity, Duration.days(60)]) {
        expect(yield* TimeLimit.within(Effect.delay(Effect.succeed(3), "5 millis"), limit, () => "late")).toBe(3)
      }
    }))
})

describe("awaited", () => {
  it.effect("tells how a fiber ended, also one that has, and leaves one alone that goes on", () =>
    Effect.gen(function*() {
      const over = yield* Effect.fork(Effect.fail("no"))
      yield* Fiber.await(over)
      expect(yield* TimeLimit.awaited(over, limit)).toEqual(Exit.fail("no"))
      const { ended, work } = yield* endless
      const fiber = yield* Effect.fork(work)
      const waiting = yield* Effect.fork(TimeLimit.awaited(fiber, limit))
      yield* TestClock.adjust(limit)
      expect(yield* Fiber.join(waiting)).toBeUndefined()
      expect(yield* Ref.get(ended)).toBe(false)
      yield* Fiber.interrupt(fiber)
    }))
})
