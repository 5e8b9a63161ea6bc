import { HttpServerRequest } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { describe, expect, it, layer } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Net from "node:net"
import * as Drain from "../../src/server/Drain.js"
import * as Encoding from "../../src/server/Encoding.js"
import * as Reply from "../../src/server/Reply.js"
import { eventually } from "../box/BoxFixture.js"
import { eventsOf, LocalEngine, outputOf, promise } from "../support/LocalEngine.js"
import * as Local from "../support/LocalEngine.js"

const withEngine = (use: (engine: Local.Engine) => Promise<void>) =>
  Effect.flatMap(LocalEngine, (engine) => promise(() => use(engine)))

/** Sends these bytes and nothing more; resolves with what came when the other side closed. */
const raw = (port: number, bytes: string, onOpen: (socket: Net.Socket) => void = () => {}): Promise<string> =>
  new Promise((resolve) => {
    let text = ""
    const socket = Net.connect(port, "127.0.0.1", () => {
      socket.write(bytes)
      onOpen(socket)
    })
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1")
    })
    socket.on("error", () => {})
    socket.on("close", () => resolve(text))
  })

const openLogs = (engine: Local.Engine, id: string): number =>
  Fs.readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return Fs.readlinkSync(`/proc/self/fd/${fd}`) === `${engine.store}/events/${id}`
    } catch {
      return false
    }
  }).length

it.scopedLive("an engine answers by the address that it was told to listen on, and by no other name", () =>
  Effect.gen(function*() {
    const engine = yield* Local.startOn(yield* Local.storeFolder, { host: "127.0.0.2" })
    expect((yield* promise(() => engine.call("GET", "/v1/whoami"))).status).toBe(200)
    const headers = { host: "127.0.0.3:1" }
    expect((yield* promise(() => engine.call("GET", "/v1/whoami", { headers }))).status).toBe(403)
  }))

describe("a streamed answer", () => {
  const isWhole = (coding: string) =>
    Effect.gen(function*() {
      const body = Stream.concat(Stream.make(new Uint8Array(10)), Stream.fail(new Error("the disk broke")))
      const server = yield* NodeHttpServer.make(() => Http.createServer(), { host: "127.0.0.1", port: 0 })
      const answer = Reply.stream(200, body, { contentType: "application/octet-stream" })
      const encoded = yield* Encoding.encode(answer, { method: "GET", acceptEncoding: coding })
      yield* server.serve(
        Effect.map(HttpServerRequest.HttpServerRequest, (request) => Reply.cutWhenBroken(encoded, request))
      )
      const { address } = server
      if (address._tag !== "TcpAddress") return expect.unreachable()
      return yield* promise(() =>
        new Promise<boolean>((resolve) => {
          Http.get({ host: "127.0.0.1", port: address.port, agent: false }, (response) => {
            response.resume()
            response.on("error", () => {})
            response.on("close", () => resolve(response.complete))
          }).on("error", () => resolve(false))
        })
      )
    })

  it.scopedLive("that fails half way is a broken transfer, not a short one", () =>
    Effect.gen(function*() {
      expect([yield* isWhole("identity"), yield* isWhole("gzip")]).toEqual([false, false])
    }))
})

it.scopedLive("a body that never ends is not read away for ever", () =>
  Effect.gen(function*() {
    const node = Http.createServer((_, response) => response.writeHead(413).end())
    Drain.install(node, 50)
    const { address } = yield* NodeHttpServer.make(() => node, { host: "127.0.0.1", port: 0 })
    if (address._tag !== "TcpAddress") return expect.unreachable()
    const head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    const answer = yield* promise(() =>
      raw(address.port, head, (socket) => {
        const more = (): void => {
          if (!socket.destroyed) socket.write("1\r\nx\r\n", () => setImmediate(more))
        }
        more()
      })
    )
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
  }))

layer(Local.layer({ idleMillis: 1200, keepAliveMillis: 200, maxUploadBytes: 100_000 }), { timeout: "5 minutes" })(
  "connections",
  (it) => {
    it.effect("that stop half way are cut, and leave nothing", () =>
      withEngine(async (engine) => {
        const auth = `Host: 127.0.0.1:${engine.port}\r\nAuthorization: Bearer ${engine.token}\r\n`
        const stuck = [
          "",
          "GET /v1/who",
          `GET /v1/whoami HTTP/1.1\r\n${auth}`,
          `POST /v1/files HTTP/1.1\r\n${auth}Content-Length: 1000\r\n\r\nhalf`,
          `POST /v1/instances HTTP/1.1\r\n${auth}Content-Length: 1000\r\n\r\n{"command"`
        ]
        await Promise.all(stuck.map((bytes) => raw(engine.port, bytes)))
        expect((await engine.call("GET", "/v1/files")).json).toEqual({ files: [] })
        expect((await engine.call("GET", "/v1/operations")).json).toEqual([])
        // the client sees the end of its connection before the server has put everything away
        const left = () => Local.traces(engine.store).filter((trace) => trace.startsWith("tmp/"))
        await Effect.runPromise(eventually("nothing is left", () => left().length === 0))
      }))

    it.effect("that break in the middle of an upload leave no file", () =>
      withEngine(async (engine) => {
        const auth = `Host: 127.0.0.1:${engine.port}\r\nAuthorization: Bearer ${engine.token}\r\n`
        await raw(
          engine.port,
          `POST /v1/files HTTP/1.1\r\n${auth}Content-Length: 1000\r\n\r\nhalf`,
          (socket) => setImmediate(() => socket.destroy())
        )
        await Effect.runPromise(eventually("the upload's folder is gone", () =>
          Local.traces(engine.store).every((trace) =>
            !trace.startsWith("tmp/")
          )))
        expect((await engine.call("GET", "/v1/files")).json).toEqual({ files: [] })
      }))

    it.effect("that speak no HTTP are told so", () =>
      withEngine(async (engine) => {
        const answer = await raw(engine.port, "NONSENSE\r\n\r\n")
        expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
        expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")))).toEqual({
          error: "this is not a valid HTTP request",
          status: 400
        })
        const long = await raw(engine.port, `GET /v1/whoami HTTP/1.1\r\nX: ${"x".repeat(70_000)}\r\n\r\n`)
        expect(long).toMatch(/^HTTP\/1\.1 431 /)
      }))

    it.effect("get their refusal even when they send far too much", () =>
      withEngine(async (engine) => {
        const body = new Uint8Array(20_000_000)
        const answers = await Promise.all([
          engine.call("POST", "/v1/files", { body }),
          engine.call("POST", "/v1/files", { body, headers: { "transfer-encoding": "chunked" } })
        ])
        expect(answers.map(({ status }) => status)).toEqual([413, 413])
      }))

    it.effect("are of use after a refusal in the middle of a body whose length nobody knew", () =>
      withEngine(async (engine) => {
        const auth = `Host: 127.0.0.1:${engine.port}\r\nAuthorization: Bearer ${engine.token}\r\n`
        const piece = `10000\r\n${"x".repeat(0x10000)}\r\n`
        for (const [path, pieces] of [["/v1/files", 64], ["/v1/instances", 600]] as const) {
          const answers = await raw(
            engine.port,
            `POST ${path} HTTP/1.1\r\n${auth}Transfer-Encoding: chunked\r\n\r\n${piece.repeat(pieces)}0\r\n\r\n` +
              `GET /v1/whoami HTTP/1.1\r\n${auth}Connection: close\r\n\r\n`
          )
          expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 413", "HTTP/1.1 200"])
        }
      }))

    it.effect("that are to be closed bring their refusal to who sends all before he reads, and close", () =>
      withEngine(async (engine) => {
        const auth = `Host: 127.0.0.1:${engine.port}\r\nAuthorization: Bearer ${engine.token}\r\n`
        const body = "x".repeat(20_000_000)
        const framings = [
          `Content-Length: ${body.length}\r\n\r\n${body}`,
          `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
        ]
        for (const framing of framings) {
          const answer = new Promise<string>((resolve, reject) => {
            let text = ""
            const socket = Net.connect(engine.port, "127.0.0.1")
            socket.pause()
            socket.on("error", reject)
            socket.on("data", (chunk) => {
              text += chunk.toString("latin1")
            })
            socket.on("close", () => resolve(text))
            socket.write(`POST /v1/files HTTP/1.1\r\n${auth}Connection: close\r\n${framing}`, () => socket.resume())
          })
          expect(await answer).toMatch(/^HTTP\/1\.1 413 /)
        }
      }))

    it.effect("are told that their JSON is too long, whether they said so before or not", () =>
      withEngine(async (engine) => {
        const body = new Uint8Array(33 * 1024 * 1024)
        const answers = await Promise.all([
          engine.call("POST", "/v1/instances", { body }),
          engine.call("POST", "/v1/instances", { body, headers: { "transfer-encoding": "chunked" } })
        ])
        expect(answers.map(({ json, status }) => [status, json.error])).toEqual(
          [1, 2].map(() => [413, "a JSON body may have at most 33554432 bytes"])
        )
        expect((await engine.call("POST", "/v1/instances", { body: "" })).json.error).toMatch(/^the body is empty/)
      }))

    it.effect("have JSON that comes in pieces, cut in a character too, put together", () =>
      withEngine(async (engine) => {
        const text = Buffer.from(JSON.stringify({ image: "tag:busybox", command: "echo é", shell: true }))
        const at = text.indexOf(0xc3) + 1
        const answer = raw(
          engine.port,
          `POST /v1/instances HTTP/1.1\r\nHost: 127.0.0.1:${engine.port}\r\nAuthorization: Bearer ${engine.token}\r\n` +
            `Connection: close\r\nContent-Length: ${text.length}\r\n\r\n`,
          (socket) => {
            socket.setNoDelay(true)
            socket.write(text.subarray(0, at), () => setImmediate(() => socket.write(text.subarray(at))))
          }
        )
        const created = await answer
        expect(created).toMatch(/^HTTP\/1\.1 201 /)
        const ended = await engine.ended(JSON.parse(created.slice(created.indexOf("\r\n\r\n"))).uuid)
        expect(outputOf(eventsOf((await engine.call("GET", `/v1/operations/${ended.uuid}/events`)).text), "stdout"))
          .toEqual(Buffer.from("é\n"))
      }))

    it.effect("of events that are all for others carry keep-alives", () =>
      withEngine(async (engine) => {
        const chatty = "while :; do echo x; sleep 0.02; done"
        const id = await engine.spawn({ command: chatty, shell: true, disposable: true })
        const quiet = await engine.follow(`/v1/operations/${id}/events?follow=1&spid=7`)
        await quiet.until((text) => text.split(": keepalive\n\n").length > 4)
        expect(eventsOf(quiet.text())).toEqual([])
        await engine.call("DELETE", `/v1/operations/${id}`)
        expect(await quiet.end).toBe(true)
        expect(eventsOf(quiet.text()).map(({ type }) => type)).toEqual(["completion"])
      }))

    it.effect("of quiet runs carry keep-alives, also longer than the idle limit, and close their log when they go", () =>
      withEngine(async (engine) => {
        const stdin = { value: "", close: false }
        const id = await engine.spawn({ command: "read line; echo done", shell: true, disposable: true, stdin })
        const stay = await engine.follow(`/v1/operations/${id}/events?follow=1`)
        const leave = await engine.follow(`/v1/operations/${id}/events?follow=1`)
        await leave.until((text) => text.split(": keepalive\n\n").length > 4)
        expect(openLogs(engine, id)).toBe(3)
        leave.close()
        await Effect.runPromise(eventually("the follower's log is closed", () => openLogs(engine, id) === 2))
        // some more than the idle limit has room for
        await stay.until((text) => text.split(": keepalive\n\n").length > 15)
        const fed = await engine.call("POST", `/v1/operations/${id}/subprocesses/1/stdin`, {
          body: { value: "\n", close: true }
        })
        expect(fed.status).toBe(204)
        expect(await stay.end).toBe(true)
        expect(outputOf(eventsOf(stay.text()), "stdout").toString()).toBe("done\n")
        // the last byte is on its way before the engine closes what it read from
        await Effect.runPromise(eventually("every log is closed", () => openLogs(engine, id) === 0))
      }))

    it.effect("that do not read hold up no run, and are cut in the end", () =>
      withEngine(async (engine) => {
        const id = await engine.spawn({
          command: "head -c 10000000 /dev/zero",
          shell: true,
          disposable: true,
          truncate_output_at: 10_485_760
        })
        const request = `GET /v1/operations/${id}/events?follow=1 HTTP/1.1\r\nHost: 127.0.0.1:${engine.port}\r\n` +
          `Authorization: Bearer ${engine.token}\r\n\r\n`
        const cut = raw(engine.port, request, (socket) => socket.pause())
        const closed = new Promise<void>((resolve) => {
          const socket = Net.connect(engine.port, "127.0.0.1", () => socket.write(request))
          socket.pause()
          socket.on("error", () => {})
          // a paused socket notices its end when it is read at last
          setTimeout(() => socket.resume(), 5000)
          socket.on("close", () => resolve())
        })
        expect((await engine.ended(id)).status).toBe("SUCCESS")
        await Effect.runPromise(eventually("both logs are closed", () => openLogs(engine, id) === 0))
        await closed
        void cut
      }))
  }
)
