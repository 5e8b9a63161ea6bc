import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import * as BoxFixture from "./BoxFixture.js"

const { eventually, madeAhead } = BoxFixture

/** On a store of its own, and after a first run. */
const warm = Effect.gen(function*() {
  const store = yield* BoxFixture.makeStore
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const box = yield* Scope.extend(BoxFixture.on(store), scope)
  expect(madeAhead(store)).toEqual([])
  yield* box.sh("true")
  yield* eventually("a chain is made ahead", () => madeAhead(store).length === 2)
  return { store, box, close: Scope.close(scope, Exit.void) }
})

describe("a chain that is made ahead", () => {
  it.scopedLive("is that of the next run, whatever its input is, and another one follows", () =>
    Effect.gen(function*() {
      const { box, store } = yield* warm
      for (const stdin of ["open", new TextEncoder().encode("some"), new Uint8Array(0)] as const) {
        yield* eventually("there is one", () => madeAhead(store).length === 2)
        const [unshare] = madeAhead(store)
        const { report } = yield* box.run({ command: "sleep", args: ["0.2"], stdin }, {
          onSpawn: () =>
            Effect.sync(() => {
              expect(BoxFixture.parentOf(BoxFixture.bubblewrapOf(`op-${BoxFixture.markOf(store)}`))).toBe(unshare)
            })
        })
        expect(report.code).toBe(0)
      }
    }))

  it.scopedLive("goes when nobody wants it, and with its engine", () =>
    Effect.gen(function*() {
      const { box, close, store } = yield* warm
      yield* eventually("it is gone", () => BoxFixture.processesWith(store).length === 0)
      expect((yield* box.sh("echo again")).stdout.toString()).toBe("again\n")
      yield* eventually("there is another", () => madeAhead(store).length === 2)
      yield* close
      expect(BoxFixture.processesWith(store)).toEqual([])
    }))

  it.scopedLive("and is killed is missed by nobody", () =>
    Effect.gen(function*() {
      const { box, store } = yield* warm
      for (const which of [0, 1]) {
        yield* eventually("there is one", () => madeAhead(store).length === 2)
        process.kill(madeAhead(store)[which]!, "SIGKILL")
        yield* eventually("it is dead", () => BoxFixture.processesWith(store).length === 0)
        const { stdout } = yield* box.sh("echo again")
        expect(stdout.toString()).toBe("again\n")
      }
    }))
})
