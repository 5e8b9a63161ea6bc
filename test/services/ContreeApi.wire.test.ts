import { describe, it } from "@effect/vitest"
import { Cause, Chunk, Deferred, Effect, Exit, Fiber, Option, Stream, TestClock } from "effect"
import * as Ids from "effect-contree/Ids"
import * as Zlib from "node:zlib"
import { expect } from "vitest"
import { apiOn, clients, token } from "../support/httpClients.js"
import { serve } from "../support/httpServer.js"
import type { Handler, Writer } from "../support/httpServer.js"

const image = Ids.ImageId.make("00000000-0000-4000-8000-000000000001")
const operation = Ids.OperationId.make("00000000-0000-4000-8000-000000000002")
const sha256 = Ids.Sha256.make("ab".repeat(32))

const event = (id: number, type = "stdout", data: object = { value: "é".repeat(3), encoding: "ascii" }) =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ id, ts: "2026-09-18T08:01:19Z", type, data, spid: 1 })}\n\n`

const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.promise(async () => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
  })

/** until something waits for that moment of the test's clock */
const untilSomethingSleepsTo = (millis: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    while (!Chunk.some(yield* TestClock.sleeps(), (moment) => moment === millis)) {
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
    }
  })

/** bytes of a file that is a gzip file itself */
const gz = Zlib.gzipSync(Buffer.from("inner ".repeat(1000)))

/** what a reader of a compressed file asks where its client may have lost the end of it */
const listing = (path: string, size: number) => {
  const ids = { owner: 0, group: 0, uid: 0, gid: 0, nlink: 1 }
  const kind = { is_dir: false, is_regular: true, is_symlink: false, is_socket: false, is_fifo: false, symlink_to: "" }
  return { path: "/", files: [{ size, path, ...ids, mode: 0o100644, mtime: 1, ...kind }] }
}

describe.each(clients)("on %s, every answer compressed", (name, client) => {
  const withServer = <A, E>(
    handler: Handler,
    use: (
      api: Effect.Effect.Success<ReturnType<typeof apiOn>>,
      server: Effect.Effect.Success<ReturnType<typeof serve>>
    ) => Effect.Effect<A, E>,
    options: Parameters<typeof apiOn>[2] = {}
  ) =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* serve(handler)
      const api = yield* apiOn(client, server.url, options)
      return yield* use(api, server)
    }))

  it.live("reads JSON, and sends who asks", () =>
    withServer(
      ({ json }) => json(200, { images: [{ uuid: image, tag: null, more: { unknown: "fields are ignored" } }] }),
      (api, server) =>
        Effect.gen(function*() {
          const images = yield* api.listImages({ limit: 2, tagged: true, tag: "a b/c+d&é" })
          expect(images).toEqual([{ uuid: image, tag: null }])
          expect(server.seen).toHaveLength(1)
          const [seen] = server.seen
          expect(seen!.url).toBe("/v1/images?limit=2&tagged=1&tag=a%20b/c%2Bd%26%C3%A9")
          expect(seen!.headers["authorization"]).toBe(`Bearer ${token}`)
          expect(seen!.headers["project"]).toBe("aiproject-1")
          expect(seen!.headers["user-agent"]).toMatch(/^me\/1 effect-contree\/\d+\.\d+\.\d+$/)
          expect(seen!.headers["traceparent"]).toBeUndefined()
          expect(seen!.headers["b3"]).toBeUndefined()
        }),
      { project: "aiproject-1", userAgent: "me/1" }
    ))

  it.live("reads errors", () =>
    withServer(
      ({ json }) => json(404, { error: "Operation not found", status: 404 }, { "x-request-id": "r-1" }),
      (api) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(api.getOperation(operation))
          expect(error._tag).toBe("NotFoundError")
          expect(error).toMatchObject({ status: 404, operationId: operation, requestId: "r-1", retryable: false })
          expect(error.description).toMatch(/^GET http.*\/v1\/operations\/.*: Operation not found$/)
        })
    ))

  it.live("says of a 404 to HEAD that it is not there, and of another failure that it failed", () =>
    withServer(
      ({ open, request }) => open(request.url!.includes("files") ? 404 : 403, {}, true).end(),
      (api) =>
        Effect.gen(function*() {
          expect(yield* api.checkFile(sha256)).toBe(false)
          const error = yield* Effect.flip(api.checkImageFile(image, "/a"))
          expect(error._tag).toBe("ForbiddenError")
        })
    ))

  it.live("reads the 302 of a tag and never follows it", () =>
    withServer(
      ({ open, request }) =>
        request.url!.startsWith("/v1/inspect/?tag=")
          ? open(302, { location: `/sandboxes/v1/inspect/${image}/?x=1` }).end()
          : open(500).end(),
      (api, server) =>
        Effect.gen(function*() {
          expect(yield* api.findImageByTag("busybox:latest")).toBe(image)
          expect(server.seen.map((seen) => seen.url)).toEqual(["/v1/inspect/?tag=busybox%3Alatest"])
        })
    ))

  it.live("hands out an event as soon as it is flushed", () =>
    Effect.gen(function*() {
      const second = yield* Deferred.make<void>()
      const handler: Handler = async ({ open }) => {
        const writer = open(200, { "content-type": "text/event-stream" })
        await writer.write(": hello\n\n" + event(0))
        await Effect.runPromise(Deferred.await(second))
        await writer.write(event(1).slice(0, 40))
        await writer.write(event(1).slice(40))
        writer.end()
      }
      yield* withServer(handler, (api, server) =>
        Effect.gen(function*() {
          const ids: Array<number> = []
          // The second event is only sent when the first one has arrived.
          yield* api.operationEvents(operation, { follow: true, lastEventId: 4, spid: 1 }).pipe(
            Stream.runForEach((event) =>
              Effect.suspend(() => {
                ids.push(event.id)
                return Deferred.succeed(second, undefined)
              })
            )
          )
          expect(ids).toEqual([0, 1])
          expect(server.seen[0]!.url).toBe(`/v1/operations/${operation}/events?follow=1&spid=1`)
          expect(server.seen[0]!.headers["last-event-id"]).toBe("4")
          expect(server.seen[0]!.headers["accept"]).toBe("text/event-stream")
        }))
    }))

  it.live("leaves a downloaded gzip file as it is, whichever request comes first", () =>
    Effect.forEach([true, false], (first) =>
      withServer(
        ({ json, open, request }) =>
          request.url!.includes("whoami")
            ? json(500, { error: "no" })
            : request.url!.includes("/list?")
            ? json(200, listing("a.gz", gz.length))
            : open(200, { "content-type": "application/octet-stream" }).end(gz),
        (api) =>
          Effect.gen(function*() {
            if (!first) yield* Effect.flip(api.importImage({ registry: { url: "x" } }))
            const parts = yield* Stream.runCollect(api.downloadFile(image, "/a.gz"))
            expect(Buffer.concat(Chunk.toReadonlyArray(parts)).equals(gz)).toBe(true)
          })
      ), { discard: true }))

  it.live("leaves a gzip file that came uncompressed as it is", () =>
    withServer(
      ({ open }) => open(200, { "content-type": "application/octet-stream" }, true).end(gz),
      (api) =>
        Effect.gen(function*() {
          const parts = yield* Stream.runCollect(api.downloadFile(image, "/a.gz"))
          expect(Buffer.concat(Chunk.toReadonlyArray(parts)).equals(gz)).toBe(true)
        })
    ))

  it.live("reads an archive, and a body of no bytes", () => {
    const tar = Buffer.concat([Buffer.alloc(512, "x"), Buffer.alloc(1024)])
    return withServer(
      ({ json, open, request }) =>
        request.url!.includes("/list?")
          ? json(200, listing("empty", 0))
          : open(200, {}).end(request.url!.includes("archive") ? tar : ""),
      (api) =>
        Effect.gen(function*() {
          const parts = yield* Stream.runCollect(api.archive(image, "/etc"))
          expect(Buffer.concat(Chunk.toReadonlyArray(parts)).equals(tar)).toBe(true)
          const nothing = yield* Stream.runCollect(api.downloadFile(image, "/empty"))
          expect(Buffer.concat(Chunk.toReadonlyArray(nothing))).toHaveLength(0)
        })
    )
  })

  it.live("fails on a gzip body that was cut short inside a complete message", () =>
    withServer(
      async ({ json, open, request }) => {
        if (request.url!.includes("/list?")) return json(200, listing("a", 4097))
        const writer = open(200, request.url!.includes("whoami") ? { "content-type": "application/json" } : {})
        await writer.write(Buffer.alloc(4096, "x"))
        writer.cut()
      },
      (api) =>
        Effect.gen(function*() {
          const archive = yield* Effect.flip(Stream.runDrain(api.archive(image, "/")))
          expect(archive._tag).toBe("TransportError")
          expect(archive.message).toMatch(/cut short/)
          // fetch drops the trailer unread: only the size in the listing can show it
          const download = yield* Effect.flip(Stream.runDrain(api.downloadFile(image, "/a")))
          expect(download._tag).toBe("TransportError")
          expect(download.message).toMatch(/cut short/)
        })
    ))

  it.live("fails on a connection that breaks in the middle", () =>
    withServer(
      async ({ open, response }) => {
        await open(200, { "content-length": "100000" }, true).write("x".repeat(1000))
        response.destroy()
      },
      (api) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(Stream.runDrain(api.downloadFile(image, "/a")))
          expect(error._tag).toBe("TransportError")
          expect(error.retryable).toBe(true)
        })
    ))

  it.live("checks the status of a stream before its first byte", () =>
    withServer(
      ({ json }) => json(422, { error: "not a regular file" }),
      (api) =>
        Effect.gen(function*() {
          for (const stream of [api.downloadFile(image, "/"), api.archive(image, "/x")]) {
            const error = yield* Effect.flip(Stream.runDrain(stream))
            expect(error._tag).toBe("UnprocessableError")
          }
        })
    ))

  it.live("closes the connection when a request or a stream is interrupted", () =>
    Effect.gen(function*() {
      const handler: Handler = async ({ open, request }) => {
        if (!request.url!.includes("download")) return
        await open(200).write("x".repeat(100_000))
      }
      yield* withServer(handler, (api, server) =>
        Effect.gen(function*() {
          const waiting = yield* Effect.fork(api.whoami)
          yield* until(() => server.open.size === 1)
          yield* Fiber.interrupt(waiting)
          yield* until(() => server.open.size === 0)

          const started = yield* Deferred.make<void>()
          const reading = yield* Effect.fork(
            Stream.runForEach(api.downloadFile(image, "/a"), () => Deferred.succeed(started, undefined))
          )
          yield* Deferred.await(started)
          yield* Fiber.interrupt(reading)
          yield* until(() => server.open.size === 0)

          const one = yield* Stream.runHead(api.downloadFile(image, "/a"))
          expect(Option.isSome(one)).toBe(true)
          yield* until(() => server.open.size === 0)
        }))
    }))

  it.effect("bounds a request and the whole of its body", () =>
    withServer(
      async ({ open, request }) => {
        if (request.url!.includes("whoami")) await open(200, { "content-type": "application/json" }).write("{")
      },
      (api, server) =>
        Effect.gen(function*() {
          const requests = [Effect.asVoid(api.whoami), Effect.asVoid(api.listImages())]
          for (const [already, request] of requests.entries()) {
            const failing = yield* Effect.fork(Effect.flip(request))
            yield* until(() => server.seen.length > already)
            yield* TestClock.adjust("199 millis")
            expect(failing.unsafePoll()).toBeNull()
            yield* TestClock.adjust("1 millis")
            const error = yield* Fiber.join(failing)
            expect(error).toMatchObject({ _tag: "TransportError", code: "ETIMEDOUT", timeout: "request" })
          }
          yield* until(() => server.open.size === 0)
          expect(server.seen).toHaveLength(2)
        }),
      { requestTimeout: "200 millis" }
    ))

  it.effect("takes a silent stream for dead, but not one that sends keep-alives", () =>
    Effect.gen(function*() {
      let connected: Writer | undefined
      yield* withServer(
        async ({ open }) => {
          const writer = open(200, { "content-type": "text/event-stream" })
          await writer.write(event(0))
          connected = writer
        },
        (api) =>
          Effect.gen(function*() {
            const ids: Array<number> = []
            const failing = yield* Effect.fork(Effect.flip(
              Stream.runForEach(api.operationEvents(operation), (event) => Effect.sync(() => ids.push(event.id)))
            ))
            yield* until(() => connected !== undefined && ids.length === 1)
            for (let now = 200; now <= 1000; now += 200) {
              yield* TestClock.adjust("200 millis")
              yield* Effect.promise(() => connected!.write(": keepalive\n\n"))
              yield* untilSomethingSleepsTo(now + 250)
            }
            yield* TestClock.adjust("249 millis")
            expect(failing.unsafePoll()).toBeNull()
            yield* TestClock.adjust("1 millis")
            const error = yield* Fiber.join(failing)
            expect(ids).toEqual([0])
            expect(error).toMatchObject({ _tag: "TransportError", code: "ETIMEDOUT", timeout: "idle", retryable: true })
          }),
        { idleTimeout: "250 millis" }
      )
    }))

  it.live("uploads bytes and streams, of known and unknown size, empty and large", () =>
    withServer(
      async ({ body, json }) => json(201, { uuid: image, sha256, size: (await body).length }),
      (api, server) =>
        Effect.gen(function*() {
          const large = new Uint8Array(3_000_000).fill(7)
          const stream = Stream.make(large.subarray(0, 1), new Uint8Array(0), large.subarray(1))
          expect((yield* api.uploadFile(large)).size).toBe(3_000_000)
          expect((yield* api.uploadFile(new Uint8Array(0))).size).toBe(0)
          expect((yield* api.uploadFile(stream)).size).toBe(3_000_000)
          expect((yield* api.uploadFile(stream, { size: 3_000_000 })).size).toBe(3_000_000)
          expect((yield* api.uploadFile(Stream.empty)).size).toBe(0)
          for (const seen of server.seen) {
            expect(seen.headers["content-type"]).toBe("application/octet-stream")
            expect(seen.body.every((byte) => byte === 7)).toBe(true)
          }
          expect(server.seen[2]!.headers["transfer-encoding"]).toBe("chunked")
        })
    ))

  it.live("fails an upload with the stream's own error, and leaves no upload behind", () =>
    Effect.gen(function*() {
      class Mine extends Error {
        readonly _tag = "Mine"
      }
      const mine = new Mine("own")
      yield* withServer(
        async ({ body, json }) => json(201, { uuid: image, sha256, size: (await body).length }),
        (api, server) =>
          Effect.gen(function*() {
            for (const bytes of [0, 200_000]) {
              const content = Stream.concat(Stream.make(new Uint8Array(bytes)), Stream.fail(mine))
              const exit = yield* Effect.exit(api.uploadFile(content))
              const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
              // Under a span Effect hands out a view of the error, so not the same object, but the very class.
              expect(error).toBeInstanceOf(Mine)
              expect((error as Mine).message).toBe("own")
            }
            const defect = yield* Effect.exit(api.uploadFile(Stream.die("defect")))
            expect(Exit.isFailure(defect) && Cause.isDie(defect.cause)).toBe(true)
            yield* until(() => server.open.size === 0)
            expect(server.seen).toHaveLength(0)
          })
      )
    }))

  it.live("refuses a stream that is not as long as its size says", () =>
    withServer(
      async ({ body, json }) => json(201, { uuid: image, sha256, size: (await body).length }),
      (api) =>
        Effect.gen(function*() {
          for (const size of [2, 4]) {
            const error = yield* Effect.flip(api.uploadFile(Stream.make(new Uint8Array(3)), { size }))
            expect(error._tag).toBe("BadRequestError")
            expect(error.message).toMatch(new RegExp(`broken off: the stream .* 3 bytes.*, where size says ${size}`))
            expect(error.message).not.toContain("nothing was sent")
          }
        })
    ))

  it.live("tells a refused connection", () =>
    Effect.scoped(Effect.gen(function*() {
      const gone = yield* Effect.scoped(Effect.map(serve(() => undefined), (server) => server.url))
      const api = yield* apiOn(client, gone)
      const error = yield* Effect.flip(api.importImage({ registry: { url: "docker://x" } }))
      expect(error).toMatchObject({ _tag: "TransportError", code: "ECONNREFUSED", retryable: true })
      expect(error.message).toMatch(/POST http:\/\/127\.0\.0\.1:\d+\/v1\/images\/import: .*ECONNREFUSED/)
    })))

  it.live("does not know whether a spawn happened whose connection broke", () =>
    withServer(
      async ({ body, response }) => {
        await body
        response.destroy()
      },
      (api, server) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(api.spawnInstance({ command: "true", image }))
          expect(error).toMatchObject({ _tag: "TransportError", retryable: "unknown" })
          expect(server.seen).toHaveLength(1)
        })
    ))
})
