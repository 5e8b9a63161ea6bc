/**
 * The double's imports: over at once, or step by step by the program's clock, as the script says.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Ids from "../../schemas/Ids.js"
import type * as Wire from "../../schemas/Wire.js"
import type { End } from "./Operation.js"
import { Operation } from "./Operation.js"
import type { ImportReply, ImportStep } from "./Script.js"
import type { World } from "./World.js"

const slept = (delay: Duration.DurationInput | undefined): Effect.Effect<void> =>
  delay === undefined ? Effect.void : Effect.sleep(delay)

/** a line of the log as the engine writes it */
const tell = (operation: Operation, step: ImportStep): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    operation.log.append(now, "import_progress", 0, {
      phase: step.phase,
      bytes: step.bytes ?? 0,
      total_bytes: step.totalBytes ?? 0,
      layers: step.layers ?? 0,
      total_layers: step.totalLayers ?? 0
    }))

/** What comes of it in the end: only then the image is there. */
const arrive = (world: World, operation: Operation, request: Wire.ImageImportRequest, now: number): End => {
  const row = world.images.pull(request.registry.url, operation.id, now)
  if (row === undefined) {
    return {
      status: "FAILED",
      error: `no image ${request.registry.url}: ContreeTest imports what \`images\` and \`imports\` name`
    }
  }
  if (typeof request.tag === "string") world.images.setTag(row, request.tag)
  return { status: "SUCCESS", image: row.id }
}

const played = (operation: Operation, reply: ImportReply): Effect.Effect<void> =>
  Effect.zipRight(
    Effect.forEach(
      reply.progress ?? [],
      (step) => Effect.zipRight(slept(step.delay), tell(operation, step)),
      { discard: true }
    ),
    slept(reply.delay)
  )

/** none: its time was over first */
const inTime = (request: Wire.ImageImportRequest, self: Effect.Effect<void>): Effect.Effect<Option.Option<void>> =>
  typeof request.timeout === "number"
    ? Effect.timeoutOption(self, Duration.seconds(request.timeout))
    : Effect.asSome(self)

/**
 * Begins one. What the script says nothing of is over when the request is answered.
 *
 * @internal
 */
export const begin = (world: World, request: Wire.ImageImportRequest): Effect.Effect<Ids.OperationId> =>
  Effect.gen(function*() {
    const operation = new Operation(
      world.serial.operation(),
      "image_import",
      null,
      yield* Clock.currentTimeMillis
    )
    const finish = (end: (now: number) => End) =>
      Effect.map(Clock.currentTimeMillis, (now) => operation.isOver ? undefined : operation.end(now, end(now)))
    const { importing } = world.script
    const reply = importing?.({ url: request.registry.url, tag: request.tag ?? undefined, request })
    if (reply === undefined) {
      yield* finish((now) => arrive(world, operation, request, now))
      world.operations.set(operation.id, { operation, request, cancel: Effect.void })
      return operation.id
    }
    const going = Effect.flatMap(inTime(request, played(operation, reply)), (done) =>
      finish((now) => {
        if (Option.isNone(done)) return { status: "FAILED", error: `the import took longer than its timeout` }
        return reply.failure === undefined
          ? arrive(world, operation, request, now)
          : { status: "FAILED", error: reply.failure }
      }))
    const cancelled = finish(() => ({ status: "CANCELLED" }))
    const fiber = yield* Effect.forkIn(Effect.onInterrupt(Effect.interruptible(going), () => cancelled), world.scope)
    world.operations.set(operation.id, {
      operation,
      request,
      // one that has not begun to run hears of nothing
      cancel: Effect.zipRight(Fiber.interruptFork(fiber), cancelled)
    })
    return operation.id
  })
