import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as LiveProcess from "../../src/run/LiveProcess.js"

const kib = 1024

/** a process that takes a piece of its input when the test says so */
const begun = Effect.gen(function*() {
  const given: Array<{ readonly bytes: number; readonly close: boolean; readonly take: Deferred.Deferred<void> }> = []
  const logged: Array<number> = []
  const process = LiveProcess.make({
    spid: 1,
    isOpen: true,
    truncateAt: 1024 * kib,
    handle: {
      pid: 1,
      signal: () => Effect.void,
      writeStdin: (bytes, close) =>
        Effect.flatMap(Deferred.make<void>(), (take) => {
          given.push({ bytes: bytes.length, close, take })
          return Deferred.await(take)
        })
    },
    writer: {
      operationId: "o",
      unsafeAppend: () => undefined,
      append: (_, __, data) => Effect.sync(() => void logged.push(String(data["value"]).length))
    }
  })
  return { given, logged, process }
})

const settle = Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow(), { discard: true })

describe("the input of a process that does not read", () => {
  it.effect("is one piece, however often clients give up and write again", () =>
    Effect.gen(function*() {
      const { given, logged, process } = yield* begun
      for (let n = 0; n < 100; n++) {
        const fiber = yield* Effect.fork(process.write({ bytes: new Uint8Array(200 * kib).fill(97), close: false }))
        yield* settle
        yield* Fiber.interrupt(fiber)
      }
      expect(given.map(({ bytes }) => bytes)).toEqual([64 * kib])
      // what the log says was given is what was given
      expect(logged).toEqual([64 * kib])
      const next = yield* Effect.fork(process.write({ bytes: new Uint8Array(3).fill(98), close: true }))
      yield* settle
      expect(given.length).toBe(1)
      // once the pipe has taken what was left behind, what is written comes after it, and the end after that
      for (let n = 0; n < 3; n++) {
        yield* Deferred.succeed(given[n]!.take, undefined)
        yield* settle
      }
      yield* Fiber.join(next)
      expect(given.map(({ bytes, close }) => [bytes, close])).toEqual([[64 * kib, false], [3, false], [0, true]])
      expect(logged).toEqual([64 * kib, 3])
    }))

  it.effect("is refused to who waited for its turn, when it ends meanwhile", () =>
    Effect.gen(function*() {
      const { given, process } = yield* begun
      const first = yield* Effect.fork(process.write({ bytes: new Uint8Array(3), close: false }))
      yield* settle
      yield* Fiber.interrupt(first)
      const second = yield* Effect.fork(Effect.flip(process.write({ bytes: new Uint8Array(3), close: false })))
      yield* settle
      process.ended()
      yield* Deferred.succeed(given[0]!.take, undefined)
      expect(yield* Fiber.join(second)).toMatchObject({ status: 409 })
      expect(given.length).toBe(1)
    }))
})
