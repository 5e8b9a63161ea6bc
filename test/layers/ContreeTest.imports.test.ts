import { describe, expect, it } from "@effect/vitest"
import { Chunk, Duration, Effect, Fiber, Option, Stream, TestClock } from "effect"
import { Images, Operations } from "effect-contree"
import { ContreeTest } from "effect-contree/testing"

const script: ContreeTest.Script = {
  imports: { "debian:12": { "/etc/debian_version": "12\n" } },
  importing: ({ url }) =>
    url.includes("debian")
      ? {
        progress: [
          { phase: "resolving" },
          { delay: "1 second", phase: "fetching", bytes: 10, totalBytes: 100 },
          { delay: "2 seconds", phase: "unpacking", layers: 1, totalLayers: 1 }
        ],
        delay: "1 second"
      }
      : undefined
}

const begin = Effect.flatMap(
  Images.Images,
  (images) =>
    Stream.runCollect(Stream.map(images.importStream("debian:12"), (step) => ({
      at: Duration.toSeconds(step.elapsed),
      what: step._tag === "Event" && step.event._tag === "Unknown" ? step.event.data : step._tag
    })))
)

describe("an import of the double", () => {
  it.effect("goes on by the program's clock, and brings its image in the end", () =>
    Effect.gen(function*() {
      const images = yield* Images.Images
      const fiber = yield* Effect.fork(begin)
      yield* TestClock.adjust("3999 millis")
      expect(Option.isNone(yield* Fiber.poll(fiber))).toBe(true)
      expect(yield* Effect.flip(images.use("debian:12", { strict: true }))).toMatchObject({ _tag: "NotFoundError" })
      yield* TestClock.adjust("1 millis")
      const steps = Chunk.toReadonlyArray(yield* Fiber.join(fiber))
      const lines = steps.filter(({ what }) => typeof what === "object").map(({ at, what }) => [at, what])
      expect(lines).toMatchObject([
        [0, { phase: "resolving", bytes: 0 }],
        [1, { phase: "fetching", bytes: 10, total_bytes: 100 }],
        [3, { phase: "unpacking", layers: 1, total_layers: 1 }]
      ])
      expect(steps.at(-1)).toEqual({ at: 4, what: "Imported" })
      const operations = yield* Operations.Operations
      const [imported] = yield* operations.list()
      expect((yield* operations.get(imported!.id)).resultTag).toEqual(Option.some("debian:12"))
      expect(yield* (yield* images.use("debian:12", { strict: true })).readText("/etc/debian_version")).toBe("12\n")
    }).pipe(Effect.provide(ContreeTest.layer(script))))

  it.effect("is over with who asked for it, and leaves no image", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(begin)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.interrupt(fiber)
      const [operation] = yield* (yield* Operations.Operations).list()
      expect(operation?.status).toBe("Cancelled")
      yield* TestClock.adjust("1 minute")
      expect(yield* Effect.flip((yield* Images.Images).use("debian:12", { strict: true }))).toMatchObject({
        _tag: "NotFoundError"
      })
    }).pipe(Effect.provide(ContreeTest.layer(script))))

  it.effect("fails for the reason that the script has, or when its time is over", () =>
    Effect.gen(function*() {
      const images = yield* Images.Images
      const failing = yield* Effect.fork(Effect.flip(images.importFrom("debian:12")))
      yield* TestClock.adjust("5 seconds")
      const error = yield* Fiber.join(failing)
      expect(error).toMatchObject({ _tag: "FailedOperationError", description: "no such manifest" })
      const late = yield* Effect.fork(Effect.flip(images.importFrom("debian:12", { timeout: "2 seconds" })))
      yield* TestClock.adjust("2 seconds")
      yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(late)).toMatchObject({ _tag: "FailedOperationError" })
      const operations = yield* Operations.Operations
      for (const { id } of yield* operations.list()) {
        const { resultImage, resultTag } = yield* operations.get(id)
        expect([resultImage, resultTag]).toEqual([Option.none(), Option.none()])
      }
    }).pipe(
      Effect.provide(
        ContreeTest.layer({ ...script, importing: () => ({ delay: "5 seconds", failure: "no such manifest" }) })
      )
    ))
})
