import { HttpClient } from "@effect/platform"
import { expect, layer } from "@effect/vitest"
import { ContreeLocal } from "contree-local"
import { Chunk, Effect, Fiber, Stream } from "effect"
import { Command, File, Files, Images, Operations } from "effect-contree"
import { createHash, randomBytes } from "node:crypto"
import { inspect } from "node:util"
import { eventually, processesWith, temporaryStore } from "../support/engine.js"
import { clients, type Fault, neverWhole, of, size, spawnsAnsweredInPart, written } from "../support/transfers.js"
import { busybox, settled, statuses, under } from "../support/underFaults.js"

layer(ContreeLocal.layerServer({ store: temporaryStore() }), { excludeTestServices: true, timeout: "5 minutes" })(
  "under faults",
  (it) => {
    // ------------------------------------------------------------------------------------------------------- nobody there

    it.effect("nobody listens in the middle of it: what was never sent is sent again, and runs once", () =>
      Effect.gen(function*() {
        const before = (yield* statuses).length
        const gone = { _tag: "Unreachable", millis: 800 } as const
        /** the methods of what met nobody */
        const refused: Array<string> = []
        const transformClient = (client: HttpClient.HttpClient) =>
          HttpClient.transform(client, (exchange, request) =>
            Effect.tapError(exchange, (error) =>
              Effect.sync(() => {
                if (inspect(error, { depth: 10 }).includes("ECONNREFUSED")) refused.push(request.method)
              })))
        yield* under([
          // another request takes the server away: the spawn meets nobody
          { route: "operations", nth: 0, fault: gone },
          // and so does who follows, in the middle of the run
          { route: "events", nth: 0, fault: gone }
        ], (proxy) =>
          Effect.gen(function*() {
            const image = yield* busybox
            yield* Effect.fork(Effect.ignore((yield* Operations.Operations).list()))
            yield* eventually(proxy.seen, (all) => of(all, "operations").length > 0)
            const result = yield* image.run(Command.shell("seq 1 2000"))
            expect(result.stdout.text.trim().split("\n").length).toBe(2000)
            const seen = yield* proxy.seen
            expect(of(seen, "spawn").map(({ forwarded }) => forwarded)).toEqual([true])
            expect(of(seen, "events").length).toBeGreaterThan(1)
            expect(refused).toContain("POST")
          }), { transformClient })
        expect((yield* settled(before + 1)).length).toBe(before + 1)
      }))

    // -------------------------------------------------------------------------------------------------------------- spawn

    it.effect.each<readonly [string, Fault]>([
      ["cut", { _tag: "Cut", bytes: 5, how: "reset" }],
      ["closed", { _tag: "Cut", bytes: 5, how: "close" }],
      ["cut inside its gzip", { _tag: "TruncateGzip", bytes: 5 }]
    ])(
      "an answer to a spawn that is %s has named the run: it goes on, and an interruption ends it",
      ([, fault]) => spawnsAnsweredInPart(fault)
    )

    // ------------------------------------------------------------------------------------------------------------- uploads

    it.effect("bytes are sent again only where nothing was done, and what was lost on the way can be sent anew", () =>
      Effect.gen(function*() {
        const bytes = randomBytes(size)
        const sha256 = createHash("sha256").update(bytes).digest("hex")
        const failed = yield* under([
          { route: "upload", nth: 0, fault: { _tag: "Status", status: 429 } },
          { route: "upload", nth: 1, fault: { _tag: "Status", status: 425 } },
          { route: "upload", nth: 2, fault: { _tag: "DropAnswer" } }
        ], (proxy) =>
          Effect.gen(function*() {
            const files = yield* Files.Files
            const error = yield* Effect.flip(files.upload(File.bytes(bytes)))
            expect(of(yield* proxy.seen, "upload").map(({ forwarded }) => forwarded)).toEqual([false, false, true])
            // it arrived all the same: a file is its content, so to send it anew makes no second one
            const again = yield* files.upload(File.bytes(bytes))
            expect([again.sha256, again.size]).toEqual([sha256, size])
            return error
          }))
        expect(failed).toMatchObject({ _tag: "TransportError", retryable: "unknown" })
      }))

    // ----------------------------------------------------------------------------------------------------------- downloads

    it.effect.each(clients)("over %s a file that is cut never reads as whole", ([, client]) =>
      neverWhole(client, [
        { _tag: "Cut", bytes: 70_000, how: "close" },
        { _tag: "Cut", bytes: 70_000, how: "reset" },
        { _tag: "TruncateGzip", bytes: 70_000 }
      ]))

    it.effect("a download that is refused or told to wait before its first byte comes whole", () =>
      Effect.gen(function*() {
        const image = yield* under([], () => written)
        yield* under([
          { route: "download", nth: 0, fault: { _tag: "Status", status: 503 } },
          { route: "download", nth: 1, fault: { _tag: "Refuse" } },
          { route: "download", nth: 2, fault: { _tag: "Unreachable", millis: 100 } }
        ], () =>
          Effect.gen(function*() {
            const handle = yield* (yield* Images.Images).use(image.id.value)
            const pieces = yield* Stream.runCollect(handle.readStream("/big"))
            expect(Buffer.concat(Chunk.toReadonlyArray(pieces)).toString().startsWith("1\n2\n3\n")).toBe(true)
            expect(Buffer.concat(Chunk.toReadonlyArray(pieces)).length).toBe(size)
          }))
      }))

    // ------------------------------------------------------------------------------------------------------- cancellations

    it.effect("a cancellation gets through all that is not the end of the line, and leaves nothing running", () =>
      Effect.gen(function*() {
        const before = (yield* statuses).length
        const faults: Fault[] = [
          { _tag: "Refuse" },
          { _tag: "Status", status: 503 },
          { _tag: "DropAnswer" },
          { _tag: "Unreachable", millis: 100 },
          // no answer, and no end of the connection either
          { _tag: "HalfOpen" }
        ]
        yield* Effect.forEach(
          faults,
          (fault, n) =>
            under([{ route: "cancel", nth: 0, fault }], (proxy) =>
              Effect.gen(function*() {
                const seconds = `8${n}.5`
                const mark = `sleep ${seconds}`
                const fiber = yield* Effect.fork((yield* busybox).run(Command.exec("sleep", [seconds])))
                const running = Effect.sync(() => processesWith(mark))
                yield* eventually(running, (all) => all.length > 0)
                yield* Fiber.interrupt(fiber)
                expect(yield* eventually(running, (all) => all.length === 0)).toEqual([])
                expect(of(yield* proxy.seen, "cancel").length).toBeGreaterThan(1)
              }))
        )
        expect((yield* settled(before + faults.length)).slice(0, faults.length)).toEqual(faults.map(() => "Cancelled"))
      }))

    // --------------------------------------------------------------------------------------------------------- subprocesses

    it.effect("a process beside the command is begun once, written to once, and killed whatever becomes of the answers", () =>
      under([
        // begun; its input; its end
        { route: "subprocess", nth: 0, fault: { _tag: "Status", status: 425, retryAfter: "0" } },
        { route: "subprocess", nth: 2, fault: { _tag: "DropAnswer" } },
        { route: "events", nth: 0, fault: { _tag: "Cut", bytes: 400, how: "reset" } }
      ], (proxy) =>
        Effect.gen(function*() {
          const main = yield* (yield* busybox).start(Command.shell("exec sleep 91"))
          const posts = Effect.map(
            proxy.seen,
            (seen) =>
              of(seen, "subprocess").filter(({ method, url }) => method === "POST" && url.endsWith("subprocesses"))
          )
          yield* Effect.scoped(Effect.gen(function*() {
            const cat = yield* main.exec(Command.exec("cat"), { stdin: "pipe" })
            expect((yield* posts).map(({ forwarded }) => forwarded)).toEqual([false, true])
            // the bytes arrived, and their answer did not: nobody sends them again
            expect(yield* Effect.flip(cat.write("once\n"))).toMatchObject({
              _tag: "TransportError",
              retryable: "unknown"
            })
            yield* cat.end
            expect(yield* cat.exitCode).toBe(0)
            const pieces = yield* Stream.runCollect(cat.stdout)
            expect(Buffer.concat(Chunk.toReadonlyArray(pieces)).toString()).toBe("once\n")
            yield* main.exec(Command.shell("exec sleep 92"))
            yield* eventually(Effect.sync(() => processesWith("sleep 92")), (all) => all.length > 0)
          }))
          expect(yield* eventually(Effect.sync(() => processesWith("sleep 92")), (all) => all.length === 0)).toEqual([])
        }).pipe(Effect.scoped)))
  }
)
