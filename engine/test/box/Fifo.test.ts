import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { openReader } from "../../src/box/Fifo.js"
import { temporaryFolder } from "./BoxFixture.js"

const folder = Effect.acquireRelease(
  Effect.sync(temporaryFolder),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

const isOpen = (path: string): boolean =>
  Fs.readdirSync("/proc/self/fd").some((fd) => {
    try {
      return Fs.readlinkSync(`/proc/self/fd/${fd}`) === path
    } catch {
      return false
    }
  })

/** after what was read, and before what was closed is told of */
const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

describe("a pipe that is read", () => {
  it.scopedLive("is not finished by what another file of the same descriptor holds", () =>
    Effect.gen(function*() {
      const path = `${yield* folder}/pipe`
      execFileSync("mkfifo", [path])
      const reader = openReader(path)
      const writer = Fs.openSync(path, "w")
      Fs.writeSync(writer, "its own")
      expect(String(Buffer.from((yield* reader.next)!))).toBe("its own")
      const rest = yield* Effect.fork(reader.next)
      yield* Effect.yieldNow()
      Fs.closeSync(writer)
      while (isOpen(path)) yield* turn
      const other = `${path}.other`
      Fs.writeFileSync(other, "another's")
      // as many as descriptors may have come free
      const others = Array.from({ length: 8 }, () => Fs.openSync(other, "r"))
      reader.finish()
      others.forEach((fd) => Fs.closeSync(fd))
      expect(yield* Fiber.join(rest)).toBeUndefined()
      expect(yield* reader.next).toBeUndefined()
    }))
})
