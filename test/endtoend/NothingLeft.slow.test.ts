import { expect, it } from "@effect/vitest"
import { ContreeLocal } from "contree-local"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { Command, Images } from "effect-contree"
import * as Fs from "node:fs"
import { eventually, mountsWith, processesWith, temporaryStore } from "../support/engine.js"

const busybox = Effect.flatMap(Images.Images, (images) => images.use("busybox:latest"))

it.live("200 runs at 16, then nothing of the engine is left", () =>
  Effect.gen(function*() {
    const store = temporaryStore()
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(ContreeLocal.layer({ store }), scope)
    const codes = yield* Effect.gen(function*() {
      const base = yield* busybox
      return yield* Effect.forEach(Array.from({ length: 200 }), () =>
        Effect.map(base.run(Command.exec("true")), (r) => r.exitCode), { concurrency: 16 })
    }).pipe(Effect.provide(context))
    expect(codes).toEqual(Array.from({ length: 200 }, () =>
      0))
    const running = yield* Effect.provide(
      Effect.fork(Effect.flatMap(busybox, (i) =>
        i.run(Command.exec("sleep", ["61.5"])))),
      context
    )
    yield* eventually(
      Effect.sync(() => processesWith("sleep 61.5")),
      (found) => found.length > 0
    )
    yield* Scope.close(scope, Exit.void)
    yield* Fiber.interrupt(running)
    expect(processesWith(store)).toEqual([])
    expect(mountsWith(store)).toEqual([])
    expect(Fs.readdirSync(`${store}/tmp`)).toEqual([])
    // a socket that is destroyed is Node's for a turn of its loop more
    expect(yield* eventually(Effect.sync(held), (now) => now.length <= baseline.length)).toEqual(baseline)
  }))

const held = (): ReadonlyArray<string> =>
  process.getActiveResourcesInfo().filter((name) => /TCP|Pipe|Process/.test(name))

/** what the test runner itself holds open (the pipes to its parent) */
const baseline = held()
