import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { removeFolder, temporaryFolder } from "../box/BoxFixture.js"
import * as EventLog from "../../src/run/EventLog.js"
import * as OutputCut from "../../src/run/OutputCut.js"
import * as RunEvents from "../../src/run/RunEvents.js"
import * as RunResult from "../../src/run/RunResult.js"

const logged = (output: Uint8Array, exit?: Record<string, unknown>) =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(temporaryFolder),
      (path) => Effect.sync(() => removeFolder(path))
    )
    const log = yield* EventLog.make(`${folder}/events`)
    const writer = yield* log.create("op")
    writer.unsafeAppend("spawn", 1, {
      ...{ pid: 3, command: "x", args: [], shell: false, env: {}, cwd: "/", uid: 0, gid: 0 },
      ...{ timeout: 60, truncate_at: output.length }
    })
    for (const chunk of OutputCut.make(output.length).take(output)) writer.unsafeAppend("stdout", 1, { ...chunk })
    if (exit !== undefined) writer.unsafeAppend("exit", 1, exit)
    return log
  })

describe("the result of a large log", () => {
  for (const byte of [0x61, 0xff]) {
    it.scopedLive(`keeps nobody waiting (${byte === 0x61 ? "text" : "bytes"})`, () =>
      Effect.gen(function*() {
        const output = Buffer.alloc(10_485_760, byte)
        const log = yield* logged(output)
        let turns = 0
        let counting = true
        const count = (): void => {
          turns++
          if (counting) setImmediate(count)
        }
        setImmediate(count)
        const result = yield* RunResult.fromLog(log, "op", 1)
        counting = false
        // 160 pieces: between any two of them others get their turn, however fast the machine is
        expect(turns).toBeGreaterThan(20)
        const { encoding, value } = result!["stdout"] as { readonly encoding: string; readonly value: string }
        expect(encoding).toBe(byte === 0x61 ? "ascii" : "base64")
        expect(Buffer.from(value, encoding === "ascii" ? "latin1" : "base64").equals(output)).toBe(true)
      }))
  }

  it.scopedLive("joins text and bytes to the bytes that there were", () =>
    Effect.gen(function*() {
      const output = Buffer.concat([Buffer.alloc(70_000, "a"), Buffer.from("ü"), Buffer.alloc(70_000, "b")])
      const log = yield* logged(output)
      const result = yield* RunResult.fromLog(log, "op", 1)
      const { encoding, value } = result!["stdout"] as { readonly encoding: string; readonly value: string }
      expect(encoding).toBe("base64")
      expect(Buffer.from(value, "base64").equals(output)).toBe(true)
    }))
})

describe("an exit whose use nobody reported", () => {
  it.scopedLive("has -1 for all of it", () =>
    Effect.gen(function*() {
      const exit = RunEvents.exit({
        pid: 3,
        code: -1,
        signal: 9,
        timedOut: false,
        coreDump: false,
        durationMs: 1500,
        resources: Option.none(),
        sizeCap: Option.none(),
        killedFromOutside: false
      })
      const used = Object.values(exit["resources"] as object)
      expect([used.length, new Set(used)]).toEqual([15, new Set([-1])])
      const result = yield* RunResult.fromLog(yield* logged(new Uint8Array(0), exit), "op", 1)
      const { cost, elapsed_time, monotonic_time, ...others } = result!["resources"] as Record<string, number>
      expect([cost, elapsed_time, monotonic_time, new Set(Object.values(others))]).toEqual([0, 1.5, 1.5, new Set([-1])])
    }))
})
