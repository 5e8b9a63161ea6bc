/**
 * Runs interrupted at any moment, also while their spawn is on its way: nothing may go on, on the engine or here.
 */
import { NodeHttpClient } from "@effect/platform-node"
import type { ContreeLocal } from "contree-local"
import { Clock, Effect, Fiber, Layer, Supervisor } from "effect"
import { Command, Contree, Images, Operations } from "effect-contree"
import type { Errors } from "effect-contree"
import { engineOn } from "./Engines.js"

export interface Outcome {
  readonly interrupted: number
  /** how many had begun on the engine when they were interrupted */
  readonly begun: number
  /** how the engine's runs ended, by status */
  readonly ended: Readonly<Record<string, number>>
  /** after the bound */
  readonly stillRunning: number
  readonly fibersLeft: number
  readonly resourcesLeft: ReadonlyArray<string>
  readonly slowestMillis: number
}

/** numbers of a seed, below one */
const chance = (seed: number): () => number => {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const live = ["Pending", "Assigned", "Executing"]

/** sockets, pipes, processes and timers; what comes and goes with the garbage collector is none of them */
const resources = (): ReadonlyArray<string> =>
  process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Pipe|Process|Timeout|Immediate/.test(name)).sort()

const without = (all: ReadonlyArray<string>, known: ReadonlyArray<string>): ReadonlyArray<string> => {
  const left = [...known]
  return all.filter((name) => {
    const at = left.indexOf(name)
    if (at !== -1) left.splice(at, 1)
    return at === -1
  })
}

/** Looks again until it holds; the last look's answer. No timer of its own is running while it looks. */
const within5Seconds = <A, E, R>(
  look: Effect.Effect<A, E, R>,
  holds: (found: A) => boolean,
  left: number = 100
): Effect.Effect<A, E, R> =>
  Effect.flatMap(look, (found) =>
    holds(found) || left === 0
      ? Effect.succeed(found)
      : Effect.zipRight(Effect.sleep("50 millis"), within5Seconds(look, holds, left - 1)))

/** half of them within the spawn or near it, half while the command runs */
const moment = (next: () => number): number => next() < 0.5 ? next() * 12 : next() * 250

export const all = (options: {
  readonly seed: number
  readonly count: number
  readonly concurrency: number
}): Effect.Effect<Outcome, ContreeLocal.EngineError | Errors.ContreeError> =>
  Effect.gen(function*() {
    const server = yield* engineOn
    const settings = { token: server.token, baseUrl: server.url }
    const services = Contree.layer(settings).pipe(Layer.provide(NodeHttpClient.layerUndici))
    const supervisor = yield* Supervisor.track
    const next = chance(options.seed)
    const moments = Array.from({ length: options.count }, () => moment(next))
    let slowestMillis = 0
    const known = resources()

    const interrupted = Effect.gen(function*() {
      const images = yield* Images.Images
      const busybox = yield* images.use("busybox:latest")
      yield* Effect.forEach(moments, (millis) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(busybox.run(Command.shell("echo begun; exec sleep 60")))
          yield* Effect.sleep(millis)
          const at = yield* Clock.currentTimeMillis
          yield* Fiber.interrupt(fiber)
          slowestMillis = Math.max(slowestMillis, (yield* Clock.currentTimeMillis) - at)
        }), { concurrency: options.concurrency, discard: true })
    })
    yield* interrupted.pipe(Effect.provide(services), Effect.supervised(supervisor))

    // what the engine itself holds comes and goes for a moment longer
    const resourcesLeft = yield* within5Seconds(
      Effect.sync(() => without(resources(), known)),
      (found) => found.length === 0
    )
    const fibersLeft = (yield* supervisor.value).length

    const operations = yield* Effect.flatMap(
      Operations.Operations,
      (service) =>
        within5Seconds(
          service.list({ number: "all" }),
          (found) => found.every(({ status }) => !live.includes(status))
        )
    ).pipe(Effect.provide(services))
    const ended: Record<string, number> = {}
    for (const { status } of operations) ended[status] = (ended[status] ?? 0) + 1
    return {
      interrupted: moments.length,
      begun: operations.length,
      ended,
      stillRunning: operations.filter(({ status }) => live.includes(status)).length,
      fibersLeft,
      resourcesLeft,
      slowestMillis
    }
  }).pipe(Effect.scoped)
