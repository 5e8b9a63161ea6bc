import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, FastCheck as fc, Ref, Runtime, Stream } from "effect"
import { PulledBody } from "../../src/node/internal/PulledBody.js"

const bodyOf = <A>(stream: Stream.Stream<A, unknown>): PulledBody<A> => new PulledBody(stream, Runtime.defaultRuntime)

const restOf = async <A>(body: PulledBody<A>): Promise<ReadonlyArray<A>> => {
  const found: Array<A> = []
  for (let next = await body.next(); next.done !== true; next = await body.next()) found.push(next.value)
  return found
}

describe("a body that is pulled", () => {
  it("has the pieces of all chunks, in their order, and then an end that stays", () =>
    fc.assert(fc.asyncProperty(fc.array(fc.array(fc.integer(), { maxLength: 4 })), async (chunks) => {
      const body = bodyOf(Stream.fromChunks(...chunks.map(Chunk.unsafeFromArray)))
      expect(await restOf(body)).toEqual(chunks.flat())
      expect((await body.next()).done).toBe(true)
    })))

  it("pulls nothing before it is asked for, and no chunk before the one before it was given whole", async () => {
    let pulled = 0
    const body = bodyOf(Stream.repeatEffectChunk(Effect.sync(() => {
      pulled++
      return Chunk.make(1, 2)
    })))
    await new Promise(setImmediate)
    expect(pulled).toBe(0)
    for (const count of [1, 1, 2, 2]) {
      await body.next()
      await new Promise(setImmediate)
      expect(pulled).toBe(count)
    }
    await body.return()
  })

  it("gives what came before a failure, and then the failure", async () => {
    const body = bodyOf(Stream.concat(Stream.make(1), Stream.fail("broken")))
    expect(await body.next()).toEqual({ done: false, value: 1 })
    await expect(body.next()).rejects.toBe("broken")
  })

  it("a defect is a failure too", async () => {
    const error = new Error("a defect")
    await expect(bodyOf(Stream.die(error)).next()).rejects.toBe(error)
  })

  it.effect("ends what makes it when nobody wants more, and whoever asks gets the end", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const ended = yield* Ref.make(false)
      const body = bodyOf(Stream.ensuring(
        Stream.fromEffect(Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never)),
        Ref.set(ended, true)
      ))
      const asked = body.next()
      yield* Deferred.await(begun)
      yield* Effect.promise(() => body.return())
      expect(yield* Ref.get(ended)).toBe(true)
      expect((yield* Effect.promise(() => asked)).done).toBe(true)
      expect((yield* Effect.promise(() => body.next())).done).toBe(true)
    }))

  it("begins nothing after it was given up", async () => {
    let isBegun = false
    const body = bodyOf(Stream.fromEffect(Effect.sync(() => {
      isBegun = true
    })))
    expect((await body.return()).done).toBe(true)
    expect((await body.next()).done).toBe(true)
    expect(isBegun).toBe(false)
  })

  it("that is given up in its very first step is ended all the same", async () => {
    let isEnded = false
    const body: PulledBody<never> = bodyOf(Stream.ensuring(
      Stream.fromEffect(Effect.suspend(() => {
        void body.return()
        return Effect.never
      })),
      Effect.sync(() => {
        isEnded = true
      })
    ))
    expect((await body.next()).done).toBe(true)
    expect(isEnded).toBe(true)
  })
})
