import { describe, expect, it, layer } from "@effect/vitest"
import { Chunk, Effect, FastCheck as fc, Fiber, Queue, Stream } from "effect"
import * as Http from "node:http"
import * as Zlib from "node:zlib"
import * as Encoding from "../../src/server/Encoding.js"
import { LocalEngine, promise } from "../support/LocalEngine.js"
import * as Local from "../support/LocalEngine.js"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What can be read of a stream that has not ended. */
const readable = (compressed: Uint8Array): string =>
  Zlib.gunzipSync(compressed, { finishFlush: Zlib.constants.Z_SYNC_FLUSH }).toString()

describe("Accept-Encoding", () => {
  it("is answered with gzip where it asks for it, and for nothing rather", () => {
    const cases: ReadonlyArray<readonly [header: string | undefined, wanted: boolean]> = [
      [undefined, false],
      ["", false],
      ["gzip", true],
      ["GZip , deflate", true],
      ["x-gzip", true],
      ["deflate, br", false],
      ["gzip;q=0", false],
      ["gzip; q=0.000, *", false],
      ["*", true],
      ["*;q=0", false],
      ["identity", false],
      ["identity, gzip", true],
      ["gzip;q=0.5, identity", false],
      ["gzip;q=0.5, identity;q=0.4", true],
      ["gzip;q=nonsense", false],
      ["gzip;q=2", false],
      [";;,,=", false]
    ]
    for (const [header, wanted] of cases) expect(Encoding.wantsGzip(header), String(header)).toBe(wanted)
  })

  it.prop("of any text is an answer", [fc.string()], ([header]) => {
    expect(typeof Encoding.wantsGzip(header)).toBe("boolean")
    // what is added last without a weight counts
    expect(Encoding.wantsGzip(header.includes("identity") ? "gzip" : `${header},gzip`)).toBe(true)
  })
})

describe("a compressed stream", () => {
  it.effect.prop(
    "is the same bytes, whatever the pieces",
    [fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 })],
    ([pieces]) =>
      Effect.gen(function*() {
        const zipped = yield* Stream.runCollect(Encoding.gzipStream(Stream.fromIterable(pieces)))
        expect(Zlib.gunzipSync(Buffer.concat(Chunk.toReadonlyArray(zipped)))).toEqual(Buffer.concat(pieces))
      })
  )

  it.effect("can be read up to each piece before the next one comes", () =>
    Effect.gen(function*() {
      const given = yield* Queue.unbounded<Uint8Array>()
      const taken = yield* Queue.unbounded<Uint8Array>()
      const fiber = yield* Effect.fork(
        Stream.runForEach(Encoding.gzipStream(Stream.fromQueue(given)), (piece) => Queue.offer(taken, piece))
      )
      let all = Buffer.alloc(0)
      for (const text of ["one", "two", "three"]) {
        yield* Queue.offer(given, bytes(text))
        all = Buffer.concat([all, yield* Queue.take(taken)])
        expect(readable(all).endsWith(text)).toBe(true)
      }
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("that breaks has no proper end", () =>
    Effect.gen(function*() {
      const pieces: Array<Uint8Array> = []
      const broken = Stream.concat(Stream.make(bytes("half")), Stream.fail("broken" as const))
      const failure = yield* Effect.flip(
        Stream.runForEach(Encoding.gzipStream(broken), (piece) => Effect.sync(() => pieces.push(piece)))
      )
      expect(failure).toBe("broken")
      expect(() => Zlib.gunzipSync(Buffer.concat(pieces))).toThrow()
      expect(readable(Buffer.concat(pieces))).toBe("half")
    }))
})

const gzip = { "accept-encoding": "gzip" }

layer(Local.layer(), { timeout: "5 minutes" })("answers compressed", (it) => {
  it.effect("are the same as plain ones, failures, downloads and archives alike", () =>
    Effect.flatMap(LocalEngine, (engine) =>
      promise(async () => {
        const id = (await engine.call("GET", "/v1/inspect/?tag=busybox")).headers.location!.replace("/", "")
        const paths = [
          "/v1/images",
          "/v1/nothing",
          "/v1/images?limit=0",
          `/v1/inspect/${id}/download?path=/bin/busybox`,
          `/v1/inspect/${id}/archive?path=/etc`,
          `/v1/inspect/${id}/list?path=/&text=1`
        ]
        for (const path of paths) {
          const plain = await engine.call("GET", path)
          const zipped = await engine.call("GET", path, { headers: gzip })
          expect([zipped.status, zipped.headers["content-encoding"], zipped.headers.vary], path).toEqual([
            plain.status,
            "gzip",
            "Accept-Encoding"
          ])
          expect([plain.headers["content-encoding"], plain.headers.vary]).toEqual([undefined, "Accept-Encoding"])
          expect(zipped.headers["content-type"]).toBe(plain.headers["content-type"])
          expect(Zlib.gunzipSync(zipped.body).equals(plain.body), path).toBe(true)
        }
        const unknown = await engine.call("GET", "/v1/whoami", { headers: gzip, token: null })
        expect([unknown.status, JSON.parse(Zlib.gunzipSync(unknown.body).toString()).status]).toEqual([401, 401])
        const redirect = await engine.call("GET", "/v1/inspect/?tag=busybox", { headers: gzip })
        expect([redirect.status, redirect.headers["content-encoding"], redirect.body.length]).toEqual([
          302,
          undefined,
          0
        ])
        const head = await engine.call("HEAD", `/v1/inspect/${id}/download?path=/bin/busybox`, { headers: gzip })
        expect([head.status, head.headers["content-encoding"], Number(head.headers["content-length"]) > 100_000])
          .toEqual(
            [200, undefined, true]
          )
      })))

  it.effect("of events come as they happen", () =>
    Effect.flatMap(LocalEngine, (engine) =>
      promise(async () => {
        const id = await engine.spawn({ command: "cat", stdin: { value: "", close: false }, disposable: true })
        const pieces: Array<Buffer> = []
        const complete = await new Promise<boolean>((resolve, reject) => {
          let fed = false
          Http.get({
            host: "127.0.0.1",
            port: engine.port,
            agent: false,
            path: `/v1/operations/${id}/events?follow=1`,
            headers: { ...gzip, authorization: `Bearer ${engine.token}` }
          }, (response) => {
            expect(response.headers["content-encoding"]).toBe("gzip")
            response.on("data", (piece: Buffer) => {
              pieces.push(piece)
              // only a client that can read this far ends the run
              if (fed || !readable(Buffer.concat(pieces)).includes("event: spawn")) return
              fed = true
              const body = { value: "bye", close: true }
              engine.call("POST", `/v1/operations/${id}/subprocesses/1/stdin`, { body }).catch(reject)
            })
            response.on("close", () => resolve(response.complete))
          }).on("error", reject)
        })
        expect(complete).toBe(true)
        const text = Zlib.gunzipSync(Buffer.concat(pieces)).toString()
        expect(Local.eventsOf(text).map(({ type }) => type)).toEqual(
          expect.arrayContaining(["init", "spawn", "stdin", "stdout", "exit", "completion"])
        )
      })))
})
