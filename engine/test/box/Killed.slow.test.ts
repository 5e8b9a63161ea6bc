import { it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { bundle } from "../support/Bundle.js"
import * as BoxFixture from "./BoxFixture.js"

const boxes = 5

const program = bundle("engine/test/box/killed-program.ts")

/** Kills the program with SIGKILL when it says enough, or some time after it said that it is ready. Its process id. */
const killOnce = (store: string, when: { readonly lines: number; readonly delayMillis: number }): Promise<number> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [program, store, String(boxes)], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    let seen = ""
    let killing = false
    child.stdout.on("data", (chunk: Buffer) => {
      seen += chunk.toString("utf8")
      if (killing || seen.split("\n").length - 1 < when.lines) return
      killing = true
      setTimeout(() => child.kill("SIGKILL"), when.delayMillis)
    })
    child.once("exit", () => resolve(child.pid ?? 0))
  })

it.scopedLive("a program that is killed leaves no process, whenever it happens", () =>
  Effect.gen(function*() {
    const store = yield* BoxFixture.makeStore
    // five times with every box running, and five times while they start
    const moments = [
      ...Array.from({ length: 5 }, () => ({ lines: 1 + boxes, delayMillis: 0 })),
      ...[0, 3, 8, 15, 40].map((delayMillis) => ({ lines: 1, delayMillis }))
    ]
    for (const when of moments) {
      const pid = yield* Effect.promise(() => killOnce(store, when))
      const left = () => [
        ...BoxFixture.processesWith(BoxFixture.markOf(store)),
        ...BoxFixture.processesWith(`contree-local-starter ${pid}`)
      ]
      yield* BoxFixture.eventually(
        `no process of ${store} after ${JSON.stringify(when)}: ${left().join("\n")}`,
        () => left().length === 0,
        10
      )
    }
  }), { timeout: 120_000 })
