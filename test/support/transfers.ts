/** Transfers under faults, for the quick tests of them and for those that wait. */
import { FetchHttpClient } from "@effect/platform"
import type { HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import type { FaultProxy } from "contree-local"
import { Effect, Exit, Fiber } from "effect"
import type { Layer } from "effect"
import { Command, Images } from "effect-contree"
import { UndiciClient } from "effect-contree/node"
import { expect } from "vitest"
import { eventually, processesWith } from "./engine.js"
import { busybox, type Rules, settled, statuses, under } from "./underFaults.js"

export type Fault = Rules[number]["fault"]

export const clients = [
  ["effect-contree/node", UndiciClient.layer],
  ["undici", NodeHttpClient.layerUndici],
  ["node", NodeHttpClient.layer],
  ["fetch", FetchHttpClient.layer]
] as const

/** those of a route */
export const of = (seen: ReadonlyArray<FaultProxy.Seen>, route: FaultProxy.Route) =>
  seen.filter((one) => one.route === route)

/** what no compression makes smaller, and no pipe holds */
export const size = 300_000

/** an image with a file of that size */
export const written = Effect.flatMap(busybox, (image) =>
  Effect.map(
    image.run(Command.shell`seq 1 100000 | head -c ${size} > /big`, { disposable: false, check: true }),
    (result) => result.image
  ))

/** Spawns, of whose answers only the head comes: the run goes on all the same, and an interruption ends it. */
export const spawnsAnsweredInPart = (fault: Fault) =>
  Effect.gen(function*() {
    const before = (yield* statuses).length
    yield* under([{ route: "spawn", nth: 0, fault }, { route: "spawn", nth: 1, fault }], () =>
      Effect.gen(function*() {
        const image = yield* busybox
        expect((yield* image.run(Command.exec("echo", ["there"]))).stdout.text).toBe("there\n")
        const seconds = `7${before}`
        const mark = `sleep ${seconds}`
        const fiber = yield* Effect.fork(image.run(Command.exec("sleep", [seconds])))
        const running = Effect.sync(() => processesWith(mark))
        yield* eventually(running, (all) => all.length > 0)
        expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
        expect(yield* eventually(running, (all) => all.length === 0)).toEqual([])
      }))
    expect((yield* settled(before + 2)).slice(0, 2)).toEqual(["Cancelled", "Success"])
  })

/** A file that is read under one fault after the other never reads as whole, and then does. */
export const neverWhole = (client: Layer.Layer<HttpClient.HttpClient>, faults: ReadonlyArray<Fault>) =>
  Effect.gen(function*() {
    const image = yield* under([], () => written)
    const id = image.id.value
    yield* under(
      // reads are asked for again until the first byte has come: one that never answers is asked for once
      faults.map((fault, nth): Rules[number] => ({ route: "download", nth, fault })),
      (proxy) =>
        Effect.gen(function*() {
          const handle = yield* (yield* Images.Images).use(id)
          for (const _ of faults) {
            expect(yield* Effect.flip(handle.read("/big"))).toMatchObject({ _tag: "TransportError" })
          }
          const whole = yield* handle.read("/big")
          expect(whole.length).toBe(size)
          expect(of(yield* proxy.seen, "download").length).toBe(faults.length + 1)
        }),
      { client, idleTimeout: "2 seconds", requestTimeout: "4 seconds" }
    )
  })
