import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as EventLog from "../../src/run/EventLog.js"
import { openFiles } from "../support/openFiles.js"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "event-log-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const ids = <E>(stream: Stream.Stream<{ readonly id: number }, E>) =>
  Effect.map(Stream.runCollect(stream), (lines) => Chunk.toReadonlyArray(lines).map((line) => line.id))

describe("EventLog", () => {
  it.scopedLive("writes one line an event, ids from 0, and reads them back after a restart", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const log = yield* EventLog.make(path)
      yield* Effect.scoped(Effect.gen(function*() {
        const writer = yield* log.create("a")
        yield* writer.append("init", 0, { verbose: false })
        yield* writer.append("stdout", 1, { value: "line 1\nline 2\u2028", encoding: "ascii" })
      }))
      const text = readFileSync(join(path, "a"), "utf8").split("\n")
      expect(text).toHaveLength(3)
      expect(text[2]).toBe("")
      expect(JSON.parse(text[1]!)).toEqual({
        id: 1,
        ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6,9}Z$/),
        type: "stdout",
        spid: 1,
        data: { value: "line 1\nline 2\u2028", encoding: "ascii" }
      })
      const again = yield* EventLog.make(path)
      const lines = Chunk.toReadonlyArray(yield* Stream.runCollect(again.read("a", { follow: true })))
      expect(lines.map(({ id, json, spid, type }) => [id, type, spid, json])).toEqual([
        [0, "init", 0, text[0]],
        [1, "stdout", 1, text[1]]
      ])
      expect(openFiles(path)).toBe(0)
    }))

  it.scopedLive("is read in turns with all else that goes on, however long it is", () =>
    Effect.gen(function*() {
      const log = yield* EventLog.make(yield* folder)
      const writer = yield* log.create("a")
      for (let n = 0; n < 160; n++) writer.unsafeAppend("stdout", 1, { value: "x".repeat(65_536), encoding: "ascii" })
      let turns = 0
      let timer: NodeJS.Immediate
      const count = (): void => {
        turns++
        timer = setImmediate(count)
      }
      timer = setImmediate(count)
      // what a client that has all but the last asks for: no line on the way is for him
      const last = yield* Stream.runCollect(Stream.filter(log.read("a"), ({ id }) => id > 158))
      clearImmediate(timer)
      expect(last.length).toBe(1)
      // 160 reads
      expect(turns).toBeGreaterThan(80)
    }))

  it.scoped("ignores the torn last line that a crash leaves", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const log = yield* EventLog.make(path)
      const whole = `{"id":0,"ts":"2026-01-01T00:00:00Z","type":"init","spid":0,"data":{}}\n`
      writeFileSync(join(path, "a"), whole)
      appendFileSync(join(path, "a"), `{"id":1,"ts":"2026-01-01T00:00:00Z","type":"stdout","spid":1,"da`)
      expect(yield* ids(log.read("a"))).toEqual([0])
    }))

  it.scoped("fails those who follow it when somebody cuts its file under its writer", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const log = yield* EventLog.make(path)
      const writer = yield* log.create("a")
      yield* writer.append("init", 0, { verbose: false })
      truncateSync(join(path, "a"), 10)
      yield* writer.append("stdout", 1, { value: "x", encoding: "ascii" })
      truncateSync(join(path, "a"), 10)
      const error = yield* Effect.flip(ids(log.read("a", { follow: true })))
      expect(error.message).toMatch(
        /^the event log of operation a: it ends after 10 bytes, and \d+ were written to it$/
      )
      expect(openFiles(join(path, "a"))).toBe(1)
    }))

  it.scoped("gives live events to many followers, each once and in order, and ends them with the log", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const log = yield* EventLog.make(path)
      const scope = yield* Scope.make()
      const writer = yield* Scope.extend(log.create("a"), scope)
      const first = yield* Deferred.make<void>()
      const follow = log.read("a", { follow: true }).pipe(
        Stream.tap(() => Deferred.succeed(first, undefined)),
        ids
      )
      const followers = yield* Effect.forEach([1, 2, 3, 4, 5], () => Effect.fork(follow))
      yield* writer.append("init", 0, {})
      yield* Deferred.await(first)
      for (let i = 1; i < 200; i++) {
        yield* writer.append("stdout", 1, { value: "x".repeat(i * 50), encoding: "ascii" })
        if (i % 10 === 0) yield* Effect.yieldNow()
      }
      yield* Scope.close(scope, Exit.void)
      for (const follower of followers) {
        expect(yield* Fiber.join(follower)).toEqual(Array.from({ length: 200 }, (_, i) => i))
      }
      expect(openFiles(path)).toBe(0)
    }))

  it.scoped("closes its file when a follower is interrupted while it waits", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const log = yield* EventLog.make(path)
      const writer = yield* log.create("a")
      const seen = yield* Deferred.make<void>()
      const follower = yield* Effect.fork(
        Stream.runForEach(log.read("a", { follow: true }), () => Deferred.succeed(seen, undefined))
      )
      yield* writer.append("init", 0, {})
      yield* Deferred.await(seen)
      expect(openFiles(path)).toBe(2)
      yield* Fiber.interrupt(follower)
      expect(openFiles(path)).toBe(1)
    }))

  it.scopedLive("is not torn by half a line that another process takes back", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const log = yield* EventLog.make(path)
      const line = (id: number, value: string): string =>
        `{"id":${id},"ts":"2026-01-01T00:00:00.000000Z","type":"stdout","spid":1,"data":{"value":"${value}"}}\n`
      const file = join(path, "a")
      const first = line(0, "first")
      writeFileSync(file, `${first}${line(1, "x".repeat(500)).slice(0, 300)}`)
      let looks = 0
      const isOver = Effect.sync(() => {
        looks += 1
        // longer again than what the reader has seen, or shorter: both at one time or another
        if (looks === 2) writeFileSync(file, first)
        if (looks === 3) writeFileSync(file, `${first}${line(1, "y".repeat(400)).slice(0, 100)}`)
        if (looks === 4) writeFileSync(file, `${first}${line(1, "z".repeat(700))}`)
        return looks > 5
      })
      const lines = yield* Stream.runCollect(log.read("a", { follow: true, isOver }))
      expect(Chunk.toReadonlyArray(lines).map(({ json }) => `${json}\n`)).toEqual([first, line(1, "z".repeat(700))])
    }))

  it.scopedLive("follows a log that another process writes until it is over, and loses nothing at the end", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const [mine, others] = [yield* EventLog.make(path), yield* EventLog.make(path)]
      const writer = yield* others.create("a")
      yield* writer.append("init", 0, {})
      let asked = 0
      const isOver = Effect.sync(() => {
        asked += 1
        // the last event comes just before the answer
        if (asked === 2) writer.unsafeAppend("completion", 0, {})
        return asked === 2
      })
      const follower = yield* Effect.fork(ids(mine.read("a", { follow: true, isOver })))
      expect(yield* Fiber.join(follower)).toEqual([0, 1])
    }))

  it.scoped("says that a log is missing, and refuses to write one twice", () =>
    Effect.gen(function*() {
      const log = yield* EventLog.make(yield* folder)
      const missing = yield* Effect.flip(Stream.runDrain(log.read("nothing")))
      expect(missing.missing).toBe(true)
      yield* log.create("a")
      const twice = yield* Effect.flip(log.create("a"))
      expect(twice.missing).toBe(false)
      expect(yield* log.has("a")).toBe(true)
      yield* log.remove("a")
      expect(yield* log.has("a")).toBe(false)
    }))
})
