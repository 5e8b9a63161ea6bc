import { describe, expect, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { createHash, randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import type { BoxHandle } from "../../src/box/Box.js"
import * as BoxFixture from "./BoxFixture.js"

const { text } = BoxFixture
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)
const mebibyte = 1024 * 1024

layer(BoxFixture.layer, { timeout: "5 minutes" })("the streams of a box", (it) => {
  describe("output", () => {
    it.effect("is binary, and whole, on both streams at once", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const [one, two] = [randomBytes(10 * mebibyte), randomBytes(10 * mebibyte)]
        Fs.mkdirSync(`${box.store}/l/data`)
        Fs.writeFileSync(`${box.store}/l/data/one`, one)
        Fs.writeFileSync(`${box.store}/l/data/two`, two)
        const { stderr, stdout } = yield* box.sh("cat /one & cat /two >&2; wait", { layers: ["l/1", "l/data"] })
        expect([stdout.length, sha256(stdout)]).toEqual([one.length, sha256(one)])
        expect([stderr.length, sha256(stderr)]).toEqual([two.length, sha256(two)])
      }))

    it.effect("appears while the command goes on", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const handle = yield* Deferred.make<BoxHandle>()
        const first = yield* Deferred.make<string>()
        // half a character: nobody may wait for the other half
        const fiber = yield* Effect.fork(
          box.run({ command: "printf '\\303'; read x; printf '\\244'", shell: true, stdin: "open" }, {
            onSpawn: (it) => Deferred.succeed(handle, it),
            onOutput: (_, piece) => Deferred.succeed(first, Buffer.from(piece).toString("hex"))
          })
        )
        expect(yield* Deferred.await(first)).toBe("c3")
        yield* (yield* Deferred.await(handle)).writeStdin(bytes("\n"), true)
        const { stdout } = yield* Fiber.join(fiber)
        expect(text(stdout)).toBe("ä")
      }))

    it.effect("waits for its reader", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const gate = yield* Deferred.make<void>()
        const arrived = yield* Deferred.make<void>()
        let blocked = 0
        // 4 MiB to a reader that stops: what is written beyond the pipe must not have been written
        const fiber = yield* Effect.fork(
          box.run({
            command:
              "i=0; while [ $i -lt 64 ]; do dd if=/dev/zero bs=65536 count=1 2>/dev/null; i=$((i+1)); echo $i >&2; done",
            shell: true
          }, {
            onOutput: (stream, piece) => {
              if (stream === "stdout") {
                return Effect.zipRight(Deferred.succeed(arrived, undefined), Deferred.await(gate))
              }
              return Effect.sync(() => (blocked = Number(text(piece).trim().split("\n").at(-1))))
            }
          })
        )
        yield* Deferred.await(arrived)
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 100)))
        expect(blocked).toBeLessThanOrEqual(2)
        yield* Deferred.succeed(gate, undefined)
        const { stdout } = yield* Fiber.join(fiber)
        expect(stdout.length).toBe(4 * mebibyte)
      }))

    it.effect("just before the exit is never lost, however slow the reader", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const slow = () => Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, 20)))
        const all = yield* Effect.forEach(
          Array.from({ length: 12 }),
          () =>
            box.run({ command: "head -c 60000 /dev/zero; echo end >&2; kill -9 $$", shell: true }, { onOutput: slow }),
          { concurrency: 6 }
        )
        expect(all.map(({ stderr, stdout }) => [stdout.length, text(stderr)])).toEqual(all.map(() => [60_000, "end\n"]))
      }))

    it.effect("of a background process does not hold the report", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const { report, stdout } = yield* box.sh("sleep 1000 & setsid sleep 1000 & echo done")
        expect([report.code, text(stdout)]).toEqual([0, "done\n"])
        expect(report.durationMs).toBeLessThan(30_000)
      }))

    it.effect("is nothing when there is none", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const { stderr, stdout } = yield* box.run({ command: "true" })
        expect([stdout.length, stderr.length]).toEqual([0, 0])
      }))

    it.effect("goes through /dev/stdout and /dev/stderr too", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const { stderr, stdout } = yield* box.sh(
          "echo out > /dev/stdout; echo err > /dev/stderr; echo fd > /proc/self/fd/1"
        )
        expect([text(stdout), text(stderr)]).toEqual(["out\nfd\n", "err\n"])
      }))
  })

  describe("input", () => {
    it.effect("of 8 MiB arrives whole, then ends", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const stdin = randomBytes(8 * mebibyte)
        const { stdout } = yield* box.run({ command: "sha256sum", stdin })
        expect(text(stdout).split(" ")[0]).toBe(sha256(stdin))
        const again = yield* box.run({ command: "cat", args: ["/dev/stdin"], stdin: bytes("again") })
        expect(text(again.stdout)).toBe("again")
      }))

    it.effect("that is empty ends at once", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const { report, stdout } = yield* box.run({ command: "cat" })
        expect([report.code, stdout.length]).toEqual([0, 0])
      }))

    it.effect("that is open stays open until it is closed, with as much as it likes", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const content = randomBytes(3 * mebibyte)
        const { report, stdout } = yield* box.run({ command: "sha256sum", stdin: "open" }, {
          onSpawn: (handle) =>
            Effect.gen(function*() {
              // more than a pipe holds: the writer waits for the command
              for (let at = 0; at < content.length; at += mebibyte) {
                yield* Effect.orDie(handle.writeStdin(content.subarray(at, at + mebibyte), false))
              }
              yield* Effect.orDie(handle.writeStdin(new Uint8Array(0), true))
              const late = yield* Effect.orDie(Effect.flip(handle.writeStdin(bytes("late"), false)))
              expect(late.reason).toBe("StdinClosed")
            })
        })
        expect([report.code, text(stdout).split(" ")[0]]).toEqual([0, sha256(content)])
      }))

    it.effect("to a command that is over fails, and does not hang", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const handle = yield* Deferred.make<BoxHandle>()
        yield* box.run({ command: "true", stdin: "open" }, { onSpawn: (it) => Deferred.succeed(handle, it) })
        const late = yield* Effect.flip((yield* Deferred.await(handle)).writeStdin(bytes("late"), true))
        expect(late.reason).toBe("StdinClosed")
        const closed = yield* Deferred.make<BoxHandle>()
        yield* box.run({ command: "true" }, { onSpawn: (it) => Deferred.succeed(closed, it) })
        expect((yield* Effect.flip((yield* Deferred.await(closed)).writeStdin(bytes("x"), false))).reason).toBe(
          "StdinClosed"
        )
      }))

    it.effect("that nobody reads is given up when the command ends", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const writer = yield* Deferred.make<Fiber.RuntimeFiber<void, unknown>>()
        yield* box.run({ command: "sleep 0.3", shell: true, stdin: "open" }, {
          onSpawn: (handle) =>
            Effect.flatMap(Effect.forkDaemon(handle.writeStdin(new Uint8Array(mebibyte), true)), (fiber) =>
              Deferred.succeed(writer, fiber))
        })
        const exit = yield* Fiber.await(yield* Deferred.await(writer))
        expect(exit._tag).toBe("Failure")
      }))
  })
})
