import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Schema } from "effect"
import { randomBytes } from "node:crypto"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Zlib from "node:zlib"
import { type Fault, faultFor, routeOf, type Rule, Script } from "../../src/faults/Fault.js"
import * as FaultProxy from "../../src/faults/FaultProxy.js"

const frames = Array.from({ length: 5 }, (_, id) => `id: ${id}\nevent: stdout\ndata: {"id":${id}}\n\n`)
const events = `: keepalive\n\n${frames.join("")}`
const image = "00000000-0000-4000-8000-000000000002"
const path = "/v1/operations/00000000-0000-4000-8000-000000000001"

/** answers a spawn with JSON of a known length, everything else with a stream of events; keeps what it was sent */
const target = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly bodies: Array<string>; readonly server: Http.Server }>((resume) => {
    const bodies: Array<string> = []
    const server = Http.createServer((request, response) => {
      const parts: Array<Buffer> = []
      request.on("data", (part: Buffer) => parts.push(part))
      request.on("end", () => {
        bodies.push(Buffer.concat(parts).toString())
        if (request.method === "POST") {
          response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify({ uuid: "x".repeat(36) }))
          return
        }
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write(events.slice(0, 30))
        response.end(events.slice(30))
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, bodies, server }))
    })
  }),
  ({ server }) =>
    Effect.sync(() => {
      server.closeAllConnections()
      server.close()
    })
)

interface Answer {
  readonly status?: number | undefined
  readonly headers?: Http.IncomingHttpHeaders | undefined
  readonly bytes: Buffer
  /** the message came to its end */
  readonly complete: boolean
  readonly code?: string | undefined
}

/** how much longer a client looks, in milliseconds, once nothing more is to come: too short a look sees nothing wrong */
const look = 100

/** what a plain client sees. `heldAt`: after so many bytes the answer is to be held up; the client hangs up then */
const ask = (
  url: string,
  method: string,
  route: string,
  agent: Http.Agent,
  { body = "", heldAt = Infinity }: { readonly body?: string; readonly heldAt?: number } = {}
): Effect.Effect<Answer> =>
  Effect.async((resume) => {
    const parts: Array<Buffer> = []
    const bytes = () => Buffer.concat(parts)
    let timer: NodeJS.Timeout | undefined
    const request = Http.request(url + route, { method, agent }, (response) => {
      const { headers, statusCode: status } = response
      const done = (complete: boolean) => resume(Effect.succeed({ status, headers, bytes: bytes(), complete }))
      response.on("data", (part: Buffer) => {
        parts.push(part)
        held()
      })
      response.on("end", () => done(response.complete))
      response.on("error", () => done(false))
      response.on("close", () => done(response.complete))
    })
    const hangUp = () => {
      resume(Effect.succeed({ bytes: bytes(), complete: false, code: "held" }))
      request.destroy()
    }
    const held = () => {
      if (bytes().length >= heldAt) timer ??= setTimeout(hangUp, look)
    }
    request.on("finish", held)
    request.on("close", () => clearTimeout(timer))
    request.on(
      "error",
      (error: NodeJS.ErrnoException) => resume(Effect.succeed({ bytes: bytes(), complete: false, code: error.code }))
    )
    request.end(body)
  })

const through = (rules: ReadonlyArray<Rule>, options: { readonly gzip?: boolean } = {}) =>
  Effect.gen(function*() {
    const real = yield* target
    const agent = yield* Effect.acquireRelease(
      Effect.sync(() => new Http.Agent({ keepAlive: true, maxSockets: 1 })),
      (made) => Effect.sync(() => made.destroy())
    )
    const proxy = yield* FaultProxy.make({ target: real.url, script: { rules, ...options } })
    return {
      real,
      proxy,
      spawn: ask(proxy.url, "POST", "/v1/instances", agent, { body: "{\"command\":\"x\"}" }),
      heldSpawn: ask(proxy.url, "POST", "/v1/instances", agent, { body: "{}", heldAt: 0 }),
      events: ask(proxy.url, "GET", `${path}/events?follow=1`, agent),
      eventsHeldAt: (heldAt: number) => ask(proxy.url, "GET", `${path}/events?follow=1`, agent, { heldAt })
    }
  })

const spawn = (fault: Fault, nth = 0): Rule => ({ route: "spawn", nth, fault })
const onEvents = (fault: Fault, nth = 0): Rule => ({ route: "events", nth, fault })

describe("the proxy", () => {
  it.scopedLive("hands through what has no fault, byte for byte", () =>
    Effect.gen(function*() {
      const { events: asked, proxy, real, spawn: spawned } = yield* through([])
      expect(yield* spawned).toMatchObject({ status: 201, complete: true })
      const answer = yield* asked
      expect([answer.bytes.toString(), answer.complete]).toEqual([events, true])
      expect(real.bodies[0]).toBe("{\"command\":\"x\"}")
      expect((yield* proxy.seen).map(({ forwarded, nth, route, status }) => [route, nth, forwarded, status])).toEqual([
        ["spawn", 0, true, 201],
        ["events", 0, true, 200]
      ])
    }))

  it.scopedLive("breaks requests before the target hears of them", () =>
    Effect.gen(function*() {
      const { heldSpawn, proxy, real, spawn: spawned } = yield* through([
        spawn({ _tag: "Refuse" }),
        spawn({ _tag: "ResetAfterBody" }, 1),
        spawn({ _tag: "HalfOpen" }, 2),
        spawn({ _tag: "Status", status: 429, retryAfter: "7" }, 3)
      ])
      expect(yield* spawned).toMatchObject({ code: "ECONNRESET", complete: false })
      expect(yield* spawned).toMatchObject({ code: "ECONNRESET", complete: false })
      expect(yield* heldSpawn).toMatchObject({ code: "held", bytes: Buffer.alloc(0) })
      const refused = yield* spawned
      expect([refused.status, refused.headers?.["retry-after"]]).toEqual([429, "7"])
      expect(real.bodies).toEqual([])
      expect((yield* proxy.seen).map(({ forwarded }) => forwarded)).toEqual([false, false, false, false])
      expect((yield* spawned).status).toBe(201)
    }))

  it.scopedLive("is not there for a while, and then on the same port again", () =>
    Effect.gen(function*() {
      const { real, spawn: spawned } = yield* through([spawn({ _tag: "Unreachable", millis: 300 })])
      expect(yield* spawned).toMatchObject({ complete: false, code: "ECONNRESET" })
      let answer = yield* spawned
      expect(answer).toMatchObject({ complete: false, code: "ECONNREFUSED" })
      while (answer.code === "ECONNREFUSED") answer = yield* spawned
      expect(answer).toMatchObject({ status: 201, complete: true })
      // what was refused came to nobody
      expect(real.bodies).toHaveLength(1)
    }))

  it.scopedLive("drops an answer after the target did what it was asked for", () =>
    Effect.gen(function*() {
      const { proxy, real, spawn: spawned } = yield* through([spawn({ _tag: "DropAnswer" })])
      expect(yield* spawned).toMatchObject({ code: "ECONNRESET" })
      expect(real.bodies).toHaveLength(1)
      expect(yield* proxy.seen).toMatchObject([{ forwarded: true, status: 201 }])
    }))

  it.scopedLive("cuts, stalls, delays and drips at the byte", () =>
    Effect.gen(function*() {
      const { events: asked, eventsHeldAt } = yield* through([
        onEvents({ _tag: "Cut", bytes: 50, how: "close" }),
        onEvents({ _tag: "Cut", bytes: 0, how: "close" }, 1),
        onEvents({ _tag: "Stall", bytes: 47 }, 2),
        onEvents({ _tag: "Delay", millis: 20 }, 3),
        onEvents({ _tag: "Drip", bytes: 40, millis: 1 }, 4)
      ])
      for (const bytes of [50, 0]) {
        const answer = yield* asked
        expect([answer.bytes.toString(), answer.complete]).toEqual([events.slice(0, bytes), false])
      }
      expect(yield* eventsHeldAt(47)).toMatchObject({ code: "held", bytes: Buffer.from(events.slice(0, 47)) })
      for (let i = 0; i < 2; i++) expect(yield* asked).toMatchObject({ bytes: Buffer.from(events), complete: true })
    }))

  it.scopedLive("resets in the middle of a message", () =>
    Effect.gen(function*() {
      const { spawn: spawned } = yield* through([spawn({ _tag: "Cut", bytes: 10, how: "reset" })])
      const answer = yield* spawned
      expect(answer.complete).toBe(false)
      expect(answer.bytes.length).toBeLessThanOrEqual(10)
    }))

  it.scopedLive("compresses whatever it hands on, and loses the end of it when told to", () =>
    Effect.gen(function*() {
      const { events: asked, spawn: spawned } = yield* through(
        [onEvents({ _tag: "TruncateGzip", bytes: 60 })],
        { gzip: true }
      )
      const cut = yield* asked
      expect([cut.complete, cut.headers?.["content-encoding"]]).toEqual([true, "gzip"])
      const { Z_SYNC_FLUSH } = Zlib.constants
      expect(Zlib.gunzipSync(cut.bytes, { finishFlush: Z_SYNC_FLUSH }).toString()).toBe(events.slice(0, 60))
      expect(() => Zlib.gunzipSync(cut.bytes)).toThrow(/unexpected end/)
      expect(Zlib.gunzipSync((yield* asked).bytes).toString()).toBe(events)
      expect(Zlib.gunzipSync((yield* spawned).bytes).toString()).toBe(JSON.stringify({ uuid: "x".repeat(36) }))
    }))

  it.scopedLive("compresses pieces of any size, also those that hardly get smaller", () =>
    Effect.gen(function*() {
      const bytes = randomBytes(3_000_000)
      const real = yield* Effect.acquireRelease(
        Effect.async<Http.Server>((resume) => {
          const server = Http.createServer((_, response) => void response.end(bytes))
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => void server.close())
      )
      const { port } = real.address() as AddressInfo
      const drip: Fault = { _tag: "Drip", bytes: 1_000_000, millis: 0 }
      const script: Script = { gzip: true, rules: [{ route: "download", nth: 0, fault: drip }] }
      const proxy = yield* FaultProxy.make({ target: `http://127.0.0.1:${port}`, script })
      for (let n = 0; n < 2; n++) {
        const answer = yield* ask(proxy.url, "GET", `/v1/inspect/${image}/download?path=/f`, new Http.Agent())
        expect(answer.complete).toBe(true)
        expect(Zlib.gunzipSync(answer.bytes).equals(bytes)).toBe(true)
      }
    }))

  it.scopedLive("doubles and swaps frames, speaks of errors and of pauses", () =>
    Effect.gen(function*() {
      const { events: asked } = yield* through([
        onEvents({ _tag: "DuplicateFrames" }),
        onEvents({ _tag: "ReorderFrames", at: 1 }, 1),
        onEvents({ _tag: "ReorderFrames", at: 4 }, 2),
        onEvents({ _tag: "SseError", frames: 2 }, 3),
        onEvents({ _tag: "SseError", frames: 0 }, 4),
        onEvents({ _tag: "Retry", millis: 70 }, 5)
      ])
      const text = Effect.map(asked, ({ bytes, complete }) => {
        expect(complete).toBe(true)
        return bytes.toString()
      })
      const [a, b, c, d, e] = frames
      expect(yield* text).toBe(`: keepalive\n\n${frames.map((frame) => frame + frame).join("")}`)
      expect(yield* text).toBe(`: keepalive\n\n${[a, c, b, d, e].join("")}`)
      // nothing follows the last
      expect(yield* text).toBe(events)
      expect(yield* text).toMatch(
        /^: keepalive\n\nid: 0\n.*\n.*\n\nid: 1\n.*\n.*\n\n: stream ended[^]*event: sse_error\n/
      )
      expect(yield* text).toMatch(/^: stream ended[^]*event: sse_error\ndata: .*\n\n$/)
      expect(yield* text).toBe(`retry: 70\n\n${events}`)
    }))

  it.scopedLive("lets a connection die that was to be kept, when it is used again", () =>
    Effect.gen(function*() {
      const { proxy, spawn: spawned } = yield* through([spawn({ _tag: "CloseIdle" })])
      expect(yield* spawned).toMatchObject({ status: 201, complete: true })
      expect(yield* spawned).toMatchObject({ code: "ECONNRESET" })
      expect((yield* spawned).status).toBe(201)
      // what met the dead connection reached nobody
      expect(yield* proxy.seen).toHaveLength(2)
    }))

  it.live("leaves nothing when its scope closes, whatever is held up", () =>
    Effect.gen(function*() {
      const closed = yield* Deferred.make<void>()
      yield* Effect.scoped(Effect.gen(function*() {
        const { events: asked, proxy } = yield* through([
          onEvents({ _tag: "Stall", bytes: 10 }),
          onEvents({ _tag: "Drip", bytes: 1, millis: 60_000 }, 1)
        ])
        yield* Effect.forkDaemon(Effect.zipRight(asked, Deferred.succeed(closed, undefined)))
        yield* Effect.repeat(Effect.sleep("5 millis"), { until: () => Effect.map(proxy.seen, (all) => all.length > 0) })
      }))
      yield* Deferred.await(closed)
    }))
})

describe("scripts", () => {
  it("know the kinds of requests", () => {
    expect([
      ["POST", "/v1/instances"],
      ["GET", `${path}/events?follow=1`],
      ["GET", `${path}?inflight=1`],
      ["DELETE", path],
      ["GET", "/v1/operations?limit=1"],
      ["POST", `${path}/subprocesses/2/stdin`],
      ["POST", "/v1/files"],
      ["HEAD", `/v1/files/${"a".repeat(64)}`],
      ["GET", "/v1/inspect/x/download?path=/v1/instances"],
      ["GET", "/v1/inspect/x/archive?path=/"],
      ["POST", "/v1/images/import"],
      ["GET", "/v1/whoami"]
    ].map(([method, url]) => routeOf(method!, url!))).toEqual([
      "spawn",
      "events",
      "operation",
      "cancel",
      "operations",
      "subprocess",
      "upload",
      "file",
      "download",
      "archive",
      "import",
      "other"
    ])
  })

  it("say which request of a kind a fault is for", () => {
    const script: Script = {
      rules: [onEvents({ _tag: "Refuse" }, 1), { ...onEvents({ _tag: "HalfOpen" }, 3), onwards: true }]
    }
    expect([0, 1, 2, 3, 4].map((nth) => faultFor(script, "events", nth)?._tag)).toEqual(
      [undefined, "Refuse", undefined, "HalfOpen", "HalfOpen"]
    )
    expect(faultFor(script, "spawn", 1)).toBeUndefined()
  })

  it("come from seeds: the same each time, of every kind, printable", () => {
    const all = Array.from({ length: 500 }, (_, seed) => FaultProxy.generate(seed))
    expect(Array.from({ length: 500 }, (_, seed) => FaultProxy.generate(seed))).toEqual(all)
    expect(new Set(all.map((script) => JSON.stringify(script.rules))).size).toBeGreaterThan(350)
    const decode = Schema.decodeUnknownSync(Script)
    for (const script of all) expect(decode(JSON.parse(JSON.stringify(script)))).toEqual(script)
    const used = new Set(all.flatMap(({ rules }) => rules.map(({ fault }) => fault._tag)))
    expect(used.size).toBe(16)
    const recoverable = all.filter(FaultProxy.isRecoverable).length
    expect(recoverable).toBeGreaterThan(300)
    expect(recoverable).toBeLessThan(450)
  })
})
