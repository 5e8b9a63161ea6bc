import type { HttpClientError } from "@effect/platform"
import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { Cause, Chunk, Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { describe, expect, it } from "@effect/vitest"
import { UndiciClient } from "effect-contree/node"
import { createHash, randomBytes } from "node:crypto"
import * as Http from "node:http"
import * as Net from "node:net"
import { Readable } from "node:stream"
import { Worker } from "node:worker_threads"
import * as Sha256 from "../../src/internal/Sha256.js"

const listening = <S extends Net.Server>(make: () => S, close: (server: S) => void) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<S>((resume) => {
        const server = make()
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.sync(() => close(server))
    ),
    (server) => {
      const address = server.address()
      if (address === null || typeof address === "string") throw new Error("no port")
      return `http://127.0.0.1:${address.port}`
    }
  )

const http = (handler: Http.RequestListener) =>
  listening(() => Http.createServer(handler), (server) => {
    server.close()
    server.closeAllConnections()
  })

/** a server that says what it likes, without regard for the protocol; called once for each request's first bytes */
const raw = (handler: (socket: Net.Socket) => void) => {
  const sockets = new Set<Net.Socket>()
  return listening(
    () =>
      Net.createServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => sockets.delete(socket))
        socket.once("data", () => handler(socket))
      }),
    (server) => {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
  )
}

/** a listener that accepts nothing, and whose queue is full: who connects hears nothing */
const mute = Effect.gen(function*() {
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() =>
      new Worker(
        `const { parentPort } = require("node:worker_threads")
         const server = require("node:net").createServer()
         server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
           parentPort.postMessage(server.address().port)
           Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
         })`,
        { eval: true }
      )
    ),
    (worker) => Effect.promise(() => worker.terminate())
  )
  const port = yield* Effect.async<number>((resume) => {
    worker.once("message", (port: number) => resume(Effect.succeed(port)))
  })
  // The kernel lets one more wait than it is told.
  for (let place = 0; place < 2; place++) {
    yield* Effect.acquireRelease(
      Effect.async<Net.Socket>((resume) => {
        const socket = Net.connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
        socket.on("error", () => {})
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )
  }
  return `http://127.0.0.1:${port}`
})

const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.promise(async () => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
  })

/** of the event loop, and more of them than any body here has pieces */
const turns = Effect.promise(async () => {
  for (let turn = 0; turn < 5_000; turn++) await new Promise((resolve) => setImmediate(resolve))
})

const bodyOf = (request: Http.IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const parts: Array<Buffer> = []
    request.on("data", (bytes: Buffer) => parts.push(bytes))
    request.on("end", () => resolve(Buffer.concat(parts)))
    request.on("error", reject)
  })

const sizeOf = (chunks: Chunk.Chunk<Uint8Array>): number => Chunk.reduce(chunks, 0, (sum, bytes) => sum + bytes.length)

const codeOf = (error: HttpClientError.HttpClientError): unknown =>
  typeof error.cause === "object" && error.cause !== null && "code" in error.cause ? error.cause.code : undefined

const client = UndiciClient.make()

describe("bodies of answers", () => {
  // What undici's parser dies of when it is paused at that moment, and the whole process with it.
  const ends = [
    ["says its length, and the connection is reset", "content-length: 10000000\r\n", "reset", "ECONNRESET"],
    ["says its length, and the connection ends", "content-length: 10000000\r\n", "end", "UND_ERR_SOCKET"],
    ["is in pieces, and the connection is reset", "transfer-encoding: chunked\r\n", "reset", "ECONNRESET"],
    ["is in pieces, and the connection ends", "transfer-encoding: chunked\r\n", "end", "UND_ERR_SOCKET"],
    ["ends with the connection, which is reset", "", "reset", "ECONNRESET"],
    ["ends with the connection, which ends", "", "end", undefined]
  ] as const

  it.live.each(ends)(
    "a slow reader of a body that %s",
    ([, header, how, code]) =>
      Effect.scoped(Effect.gen(function*() {
        const size = 1_048_576
        let server: Net.Socket | undefined
        const url = yield* raw((socket) => {
          socket.write(`HTTP/1.1 200 OK\r\nconnection: close\r\n${header}\r\n`)
          if (header.startsWith("transfer")) socket.write(`${(size + 1).toString(16)}\r\n`)
          socket.write(Buffer.alloc(size))
          server = socket
        })
        const response = yield* (yield* client).get(url)
        let read = 0
        const reading = yield* Effect.fork(Effect.exit(Stream.runForEach(response.stream, (bytes) =>
          Effect.gen(function*() {
            // Long before the end the connection is over; what is left of it has to be read slowly.
            if (read === 0) {
              if (how === "reset") server!.resetAndDestroy()
              else server!.end()
            }
            read += bytes.length
            yield* Effect.sleep("20 millis")
          }))))
        const exit = yield* Fiber.join(reading)
        if (code !== undefined) {
          expect(Exit.isFailure(exit)).toBe(true)
          const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
          expect(error).toMatchObject({ _tag: "ResponseError", cause: { code } })
        } else {
          expect(exit).toEqual(Exit.void)
          expect(read).toBe(size)
        }
      }))
  )

  it.live("nobody who reads: the server is held up; then it is read whole, and the connection used again", () =>
    Effect.scoped(Effect.gen(function*() {
      const size = 32 * 1024 * 1024
      const block = randomBytes(65_536)
      const sockets = new Set<Net.Socket>()
      let sent = 0
      const url = yield* http((request, response) => {
        sockets.add(request.socket)
        if (request.url === "/small") return void response.end("small")
        response.writeHead(200, { "content-length": size })
        const more = (): void => {
          while (sent < size) {
            sent += block.length
            if (!response.write(block)) return void response.once("drain", more)
          }
          response.end()
        }
        more()
      })
      const http1 = yield* UndiciClient.make({ connections: 1 })
      const response = yield* http1.get(`${url}/big`)
      // In each turn whoever is not held up moves something.
      yield* turns
      expect(sent).toBeLessThan(size)
      const hash = createHash("sha256")
      yield* Stream.runForEach(response.stream, (bytes) => Effect.sync(() => hash.update(bytes)))
      const expected = createHash("sha256")
      for (let at = 0; at < size; at += block.length) expected.update(block)
      expect(hash.digest("hex")).toBe(expected.digest("hex"))
      expect(yield* Effect.flatMap(http1.get(`${url}/small`), (small) => small.text)).toBe("small")
      expect(sockets.size).toBe(1)
    })))

  it.live("is handed out as soon as it comes, and no redirect is followed", () =>
    Effect.scoped(Effect.gen(function*() {
      let finish: (() => void) | undefined
      const url = yield* http((_, response) => {
        response.writeHead(302, { location: "/elsewhere", "set-cookie": ["a=1", "b=2"] })
        response.write("first")
        finish = () => response.end("second")
      })
      const response = yield* (yield* client).get(url)
      expect(response.status).toBe(302)
      expect(response.headers["location"]).toBe("/elsewhere")
      expect(Object.keys(response.cookies.toJSON() as object).length).toBeGreaterThan(0)
      const parts: Array<string> = []
      yield* Stream.runForEach(response.stream, (bytes) =>
        Effect.sync(() => {
          parts.push(Buffer.from(bytes).toString())
          finish?.()
        }))
      expect(parts).toEqual(["first", "second"])
    })))

  it.live("reads the whole twice, and a stream once", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* http((_, response) => void response.end("{\"a\":1}"))
      const http1 = yield* client
      const whole = yield* http1.get(url)
      expect(yield* whole.json).toEqual({ a: 1 })
      expect(yield* whole.text).toBe("{\"a\":1}")
      const streamed = yield* http1.get(url)
      expect(sizeOf(yield* Stream.runCollect(streamed.stream))).toBe(7)
      const again = yield* Effect.flip(Stream.runCollect(streamed.stream))
      expect(again).toMatchObject({ _tag: "ResponseError", description: "the body was read already" })
    })))

  const readAlready = { _tag: "ResponseError", description: "the body was read already" }

  /** an answer whose first half came, and what sends the other one */
  const halved = Effect.gen(function*() {
    let finish: (() => void) | undefined
    const url = yield* http((_, response) => {
      response.writeHead(200).write("{\"a\"")
      finish = () => response.end(":1}")
    })
    return { response: yield* (yield* client).get(url), finish: () => finish?.() }
  })

  it.live("the whole of a large body is not what came of it first", () =>
    Effect.scoped(Effect.gen(function*() {
      const size = 100_000
      const url = yield* http((_, response) => {
        // head and first bytes at once, so that they are here before anybody asks for the whole
        response.write(Buffer.alloc(size))
        setTimeout(() => response.end(Buffer.alloc(size)), 20)
      })
      const http1 = yield* client
      const whole = Effect.flatMap(http1.get(url), (it) => it.arrayBuffer)
      const all = yield* Effect.all(Array.from({ length: 50 }, () => whole), { concurrency: 5 })
      expect(new Set(all.map((bytes) => bytes.byteLength))).toEqual(new Set([2 * size]))
    })))

  it.live("a stream of what was read whole is the whole", () =>
    Effect.scoped(Effect.gen(function*() {
      const { response, finish } = yield* halved
      finish()
      expect(yield* response.text).toBe("{\"a\":1}")
      expect(sizeOf(yield* Stream.runCollect(response.stream))).toBe(7)
      expect(yield* response.json).toEqual({ a: 1 })
    })))

  it.live("those who want the whole at once share it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { response, finish } = yield* halved
      const both = yield* Effect.fork(Effect.all([response.text, response.json], { concurrency: 2 }))
      yield* Effect.yieldNow()
      finish()
      expect(yield* Fiber.join(both)).toEqual(["{\"a\":1}", { a: 1 }])
    })))

  it.live("no stream takes its bytes from one who waits for the whole", () =>
    Effect.scoped(Effect.gen(function*() {
      const { response, finish } = yield* halved
      const text = yield* Effect.fork(response.text)
      yield* Effect.yieldNow()
      expect(yield* Effect.flip(Stream.runDrain(response.stream))).toMatchObject(readAlready)
      finish()
      // The platform gives a request up when a stream of its answer ends, whatever else reads it.
      expect(codeOf(yield* Effect.flip(Fiber.join(text)))).toBe("UND_ERR_ABORTED")
    })))

  it.live("nobody gets the whole of what a stream reads", () =>
    Effect.scoped(Effect.gen(function*() {
      const { response, finish } = yield* halved
      const first = yield* Deferred.make<void>()
      const size = yield* Effect.fork(Stream.runFold(
        Stream.tap(response.stream, () => Deferred.succeed(first, undefined)),
        0,
        (sum, bytes) => sum + bytes.length
      ))
      yield* Deferred.await(first)
      expect(yield* Effect.flip(response.text)).toMatchObject(readAlready)
      finish()
      expect(yield* Fiber.join(size)).toBe(7)
    })))
})

it.live("hashes with what Node has", () =>
  Effect.scoped(Effect.gen(function*() {
    let others = 0
    Sha256.provide(() => {
      others++
      return Sha256.portable()
    })
    yield* client
    const bytes = randomBytes(1_000)
    expect(Sha256.hex(bytes)).toBe(createHash("sha256").update(bytes).digest("hex"))
    expect(others).toBe(0)
  })))

describe("ends", () => {
  it.live("a body that is still being read when the layer is closed fails", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const url = yield* Scope.extend(http((_, response) => void response.writeHead(200).write("first")), scope)
      const own = yield* Scope.make()
      const context = yield* Layer.buildWithScope(UndiciClient.layer, own)
      const http1 = yield* Effect.provide(HttpClient.HttpClient, context)
      const response = yield* http1.get(url)
      const first = yield* Deferred.make<void>()
      const reading = yield* Effect.fork(
        Stream.runForEach(response.stream, () => Deferred.succeed(first, undefined))
      )
      yield* Deferred.await(first)
      const later = yield* http1.get(url)
      yield* Scope.close(own, Exit.void)
      expect(yield* Effect.flip(Fiber.join(reading))).toMatchObject({ _tag: "ResponseError" })
      // what came before is handed out, and then it fails too
      expect(yield* Effect.flip(Stream.runDrain(later.stream))).toMatchObject({ _tag: "ResponseError" })
      const refused = yield* Effect.flip(http1.get(url))
      expect(refused._tag).toBe("RequestError")
      expect(codeOf(refused)).toBe("UND_ERR_DESTROYED")
      yield* Scope.close(scope, Exit.void)
    }))

  it.live("says why there is no answer", () =>
    Effect.scoped(Effect.gen(function*() {
      const http1 = yield* client
      const inner = yield* Scope.make()
      const gone = yield* Scope.extend(http(() => {}), inner)
      yield* Scope.close(inner, Exit.void)
      expect(codeOf(yield* Effect.flip(http1.get(gone)))).toBe("ECONNREFUSED")
      const mute = yield* raw((socket) => socket.end())
      expect(codeOf(yield* Effect.flip(http1.get(mute)))).toBe("UND_ERR_SOCKET")
      expect(codeOf(yield* Effect.flip(http1.get("ftp://127.0.0.1/")))).toBe("UND_ERR_INVALID_ARG")
    })))

  it.live("a connection that is not made in time is an error that says so", () =>
    Effect.scoped(Effect.gen(function*() {
      const http1 = yield* UndiciClient.make({ connectTimeout: "300 millis" })
      const error = yield* Effect.flip(http1.get(yield* mute))
      expect(error._tag).toBe("RequestError")
      expect(codeOf(error)).toBe("UND_ERR_CONNECT_TIMEOUT")
    })))

  it.live("no connection that is being made outlives the layer", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* mute
      const connecting = (): number => process.getActiveResourcesInfo().filter((of) => of === "ConnectWrap").length
      yield* until(() => connecting() === 0)
      const own = yield* Scope.make()
      const http1 = yield* Scope.extend(UndiciClient.make({ connectTimeout: "1 hour" }), own)
      const waiting = yield* Effect.fork(http1.get(url))
      yield* until(() => connecting() === 1)
      yield* Scope.close(own, Exit.void)
      expect(codeOf(yield* Effect.flip(Fiber.join(waiting)))).toBe("UND_ERR_DESTROYED")
      yield* until(() => connecting() === 0)
    })))

  it.live("HEAD leaves its connection to the next request", () =>
    Effect.scoped(Effect.gen(function*() {
      const sockets = new Set<Net.Socket>()
      const url = yield* http((request, response) => {
        sockets.add(request.socket)
        response.setHeader("content-length", 5)
        response.end("whole")
      })
      const http1 = yield* UndiciClient.make({ connections: 1 })
      for (let time = 0; time < 3; time++) {
        const response = yield* http1.head(url)
        expect([response.headers["content-length"], yield* response.text]).toEqual(["5", ""])
      }
      expect(yield* Effect.flatMap(http1.get(url), (it) => it.text)).toBe("whole")
      expect(sockets.size).toBe(1)
    })))

  it.live("an interrupted request, and one whose body is not read to its end, give the connection up", () =>
    Effect.scoped(Effect.gen(function*() {
      const open = new Set<Http.ServerResponse>()
      const url = yield* http((request, response) => {
        open.add(response)
        response.on("close", () => open.delete(response))
        if (request.url === "/body") response.writeHead(200).write("x".repeat(100_000))
      })
      const http1 = yield* client
      const waiting = yield* Effect.fork(http1.get(`${url}/mute`))
      yield* until(() => open.size === 1)
      yield* Fiber.interrupt(waiting)
      yield* until(() => open.size === 0)
      const response = yield* http1.get(`${url}/body`)
      yield* Stream.runHead(response.stream)
      yield* until(() => open.size === 0)
      const text = yield* Effect.fork(Effect.flatMap(http1.get(`${url}/body`), (it) => it.text))
      yield* until(() => open.size === 1)
      yield* Fiber.interrupt(text)
      yield* until(() => open.size === 0)
    })))

  it.live("beyond `connections` a request waits for its turn", () =>
    Effect.scoped(Effect.gen(function*() {
      const waiting: Array<() => void> = []
      const url = yield* http((_, response) => void waiting.push(() => response.end("done")))
      const http1 = yield* UndiciClient.make({ connections: 1 })
      const text = Effect.flatMap(http1.get(url), (it) => it.text)
      const all = yield* Effect.fork(Effect.all([text, text, text], { concurrency: "unbounded" }))
      for (let turn = 0; turn < 3; turn++) {
        yield* until(() => waiting.length > 0)
        expect(waiting).toHaveLength(1)
        waiting.pop()!()
      }
      expect(yield* Fiber.join(all)).toEqual(["done", "done", "done"])
    })))
})

describe("bodies of requests", () => {
  const echo = http((request, response) => {
    void bodyOf(request).then((body) => {
      response.writeHead(200, {
        "x-type": request.headers["content-type"] ?? "",
        "x-length": request.headers["content-length"] ?? ""
      })
      response.end(body)
    }, () => {})
  })

  const sent = (body: HttpBody.HttpBody) =>
    Effect.gen(function*() {
      const url = yield* echo
      const response = yield* (yield* client).execute(HttpClientRequest.post(url, { body }))
      return { text: yield* response.text, type: response.headers["x-type"], length: response.headers["x-length"] }
    }).pipe(Effect.scoped)

  it.live("of each kind", () =>
    Effect.gen(function*() {
      expect(yield* sent(HttpBody.empty)).toMatchObject({ text: "", length: "0" })
      expect(yield* sent(HttpBody.text("ünïcode"))).toMatchObject({ text: "ünïcode", length: "9" })
      const pieces = Stream.make("a", "", "b").pipe(Stream.encodeText)
      expect(yield* sent(HttpBody.stream(pieces))).toMatchObject({ text: "ab", length: "" })
      expect(yield* sent(HttpBody.stream(pieces, "text/plain", 2))).toMatchObject({
        text: "ab",
        type: "text/plain",
        length: "2"
      })
      const form = new FormData()
      form.set("field", "value")
      form.set("file", new Blob(["content"]), "name.txt")
      const received = yield* sent(HttpBody.formData(form))
      const back = yield* Effect.promise(() =>
        new Response(received.text, { headers: { "content-type": received.type! } }).formData()
      )
      expect(back.get("field")).toBe("value")
      expect(yield* sent(HttpBody.raw("raw"))).toMatchObject({ text: "raw" })
      expect(yield* sent(HttpBody.raw(new Blob(["blob"])))).toMatchObject({ text: "blob" })
      expect(yield* sent(HttpBody.raw(new Response("web").body))).toMatchObject({ text: "web" })
      expect(yield* Effect.flip(sent(HttpBody.raw(42)))).toMatchObject({ _tag: "RequestError", reason: "Encode" })
    }))

  it.live("a stream that fails fails the request, with its own failure as the cause", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* echo
      const http1 = yield* client
      const body = HttpBody.stream(Stream.concat(
        Stream.make(new Uint8Array(10)),
        Stream.fail(Object.assign(new Error("of its own"), { code: "OWN" }))
      ))
      const error = yield* Effect.flip(http1.execute(HttpClientRequest.post(url, { body })))
      expect(error._tag).toBe("RequestError")
      expect(codeOf(error)).toBe("OWN")
    })))

  it.live("is read no faster than the server takes it, and ended when the request is given up", () =>
    Effect.scoped(Effect.gen(function*() {
      let taken: Http.IncomingMessage | undefined
      const url = yield* http((request) => {
        request.pause()
        taken = request
      })
      const block = new Uint8Array(65_536)
      let made = 0
      let isOver = false
      const endless = Stream.repeatEffect(Effect.sync(() => {
        made += block.length
        return block
      })).pipe(Stream.ensuring(Effect.sync(() => {
        isOver = true
      })))
      const http1 = yield* client
      const sending = yield* Effect.fork(
        http1.execute(HttpClientRequest.post(url, { body: HttpBody.stream(endless) }))
      )
      yield* until(() => taken !== undefined)
      yield* turns
      expect(made).toBeLessThan(64 * 1024 * 1024)
      yield* Fiber.interrupt(sending)
      expect(isOver).toBe(true)
    })))

  /** a body that gives one piece and then waits, and what tells that it was ended */
  const quiet = {
    "a ReadableStream": (ended: () => void) =>
      new ReadableStream<Uint8Array>({ start: (it) => it.enqueue(new Uint8Array(1)), cancel: ended }),
    "a Readable": (ended: () => void) => {
      const body = new Readable({
        read: () => {},
        destroy: (_, done) => {
          ended()
          done(null)
        }
      })
      body.push(new Uint8Array(1))
      return body
    },
    "an iterable": (ended: () => void): AsyncIterable<Uint8Array> => {
      let isFirst = true
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            if (!isFirst) return new Promise(() => {})
            isFirst = false
            return Promise.resolve({ done: false, value: new Uint8Array(1) })
          },
          return: () => {
            ended()
            return new Promise(() => {})
          }
        })
      }
    }
  }

  it.live.each(Object.entries(quiet))(
    "%s is ended with its request",
    ([, make]) =>
      Effect.scoped(Effect.gen(function*() {
        let arrived = 0
        const url = yield* http((request, response) => {
          request.once("data", () => {
            arrived++
            if (request.url === "/mute") return
            response.writeHead(413)
            response.end("too large")
          })
          request.on("error", () => {})
        })
        const http1 = yield* client
        const post = (path: string, ended: () => void) =>
          http1.execute(HttpClientRequest.post(url + path, { body: HttpBody.raw(make(ended)) }))
        let ends = 0
        const sending = yield* Effect.fork(post("/mute", () => ends++))
        yield* until(() => arrived === 1)
        yield* Fiber.interrupt(sending)
        expect(ends).toBeGreaterThan(0)
        const early = yield* Deferred.make<void>()
        const response = yield* post("/early", () => Deferred.unsafeDone(early, Exit.void))
        expect(response.status).toBe(413)
        expect(yield* response.text).toBe("too large")
        yield* Deferred.await(early)
      }))
  )

  it.live("a ReadableStream that another reads is refused", () =>
    Effect.gen(function*() {
      const body = new ReadableStream()
      body.getReader()
      expect(yield* Effect.flip(sent(HttpBody.raw(body)))).toMatchObject({ _tag: "RequestError", reason: "Encode" })
    }))

  it.live("a quiet stream is ended when the server answers without waiting for it", () =>
    Effect.scoped(Effect.gen(function*() {
      const ended = yield* Deferred.make<void>()
      const url = yield* http((_, response) => {
        response.writeHead(413)
        response.end("too large")
      })
      const quiet = Stream.concat(Stream.make(new Uint8Array(1)), Stream.never).pipe(
        Stream.ensuring(Deferred.succeed(ended, undefined))
      )
      const response = yield* (yield* client).execute(HttpClientRequest.post(url, { body: HttpBody.stream(quiet) }))
      expect(response.status).toBe(413)
      expect(yield* response.text).toBe("too large")
      yield* Deferred.await(ended)
    })))
})
