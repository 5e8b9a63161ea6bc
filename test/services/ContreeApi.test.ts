import { HttpClient, HttpClientRequest } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import { Chunk, Clock, Effect, Either, Exit, Fiber, Schedule, Stream, TestClock } from "effect"
import type { Scope } from "effect"
import type * as ContreeApi from "effect-contree/ContreeApi"
import type * as Errors from "effect-contree/Errors"
import * as Ids from "effect-contree/Ids"
import { expect } from "vitest"
import { apiOn, token } from "../support/httpClients.js"
import { json, stub, systemError } from "../support/httpStub.js"
import type { Reply } from "../support/httpStub.js"

const image = Ids.ImageId.make("00000000-0000-4000-8000-000000000001")
const operation = Ids.OperationId.make("00000000-0000-4000-8000-000000000002")
const sha256 = Ids.Sha256.make("ab".repeat(32))
const spid = Ids.Spid.make(2)
const base = "http://contree.test/sandboxes"

const withStub = <A, E>(
  reply: Parameters<typeof stub>[0],
  use: (api: ContreeApi.Service, made: ReturnType<typeof stub>) => Effect.Effect<A, E, Scope.Scope>,
  options: Parameters<typeof apiOn>[2] = {}
): Effect.Effect<A, E> => {
  const made = stub(reply)
  return Effect.scoped(Effect.flatMap(apiOn(made.layer, base, options), (api) => use(api, made)))
}

/** without retries */
const once = { retry: Schedule.stop }

const failing = (reply: Reply, use: (api: ContreeApi.Service) => Effect.Effect<unknown, Errors.ContreeError>) =>
  withStub(() => reply, (api) => Effect.flip(use(api)), once)

const whoami = { token_uuid: "t", token_expiration: null, permissions: {}, operations_stat: {} }

describe("what is sent", () => {
  const page = { limit: 1, offset: 2, since: "1h", until: "2h" }
  const cases: ReadonlyArray<
    readonly [
      string,
      (api: ContreeApi.Service) => Effect.Effect<unknown, unknown>,
      verb: string,
      path: string,
      body?: unknown
    ]
  > = [
    ["whoami", (api) => api.whoami, "GET", "/whoami"],
    ["listImages", (api) => api.listImages(), "GET", "/images"],
    [
      "listImages",
      (api) => api.listImages({ ...page, tagged: true, tag: "a/b c", uuid: image }),
      "GET",
      `/images?limit=1&offset=2&since=1h&until=2h&tagged=1&tag=a/b%20c&uuid=${image}`
    ],
    ["setImageTag", (api) => api.setImageTag(image, "t:1"), "PATCH", `/images/${image}/tag`, { tag: "t:1" }],
    ["deleteImageTag", (api) => api.deleteImageTag(image), "DELETE", `/images/${image}/tag`],
    ["deleteImageTag", (api) => api.deleteImageTag(image, "a:1"), "DELETE", `/images/${image}/tag?tag=a%3A1`],
    [
      "importImage",
      (api) => api.importImage({ registry: { url: "docker://x" }, tag: null }),
      "POST",
      "/images/import",
      { registry: { url: "docker://x" }, tag: null }
    ],
    ["listFiles", (api) => api.listFiles(page), "GET", "/files?limit=1&offset=2&since=1h&until=2h"],
    ["uploadFile", (api) => api.uploadFile(new Uint8Array(1)), "POST", "/files"],
    ["getFile", (api) => api.getFile(sha256), "GET", `/files/${sha256}`],
    ["checkFile", (api) => api.checkFile(sha256), "HEAD", `/files/${sha256}`],
    [
      "spawnInstance",
      (api) =>
        api.spawnInstance({
          command: "true",
          image,
          files: { "/a b": { uuid: Ids.FileId.make(image), mode: 0o755 } }
        }),
      "POST",
      "/instances",
      { command: "true", image, files: { "/a b": { uuid: image, mode: "0755" } } }
    ],
    [
      "listOperations",
      (api) => api.listOperations({ status: "FAILED", kind: "instance", limit: 5 }),
      "GET",
      "/operations?limit=5&status=FAILED&kind=instance"
    ],
    [
      "getOperation",
      (api) => api.getOperation(operation, { inflight: true }),
      "GET",
      `/operations/${operation}?inflight=1`
    ],
    ["getOperation", (api) => api.getOperation(operation), "GET", `/operations/${operation}`],
    ["cancelOperation", (api) => api.cancelOperation(operation), "DELETE", `/operations/${operation}`],
    [
      "operationEvents",
      (api) => Stream.runDrain(api.operationEvents(operation, { since: -1, follow: true })),
      "GET",
      `/operations/${operation}/events?follow=1&since=-1`
    ],
    [
      "createSubprocess",
      (api) => api.createSubprocess(operation, { command: "sh", args: ["-c"] }),
      "POST",
      `/operations/${operation}/subprocesses`,
      { command: "sh", args: ["-c"] }
    ],
    ["getSubprocess", (api) => api.getSubprocess(operation, spid), "GET", `/operations/${operation}/subprocesses/2`],
    [
      "killSubprocess",
      (api) => api.killSubprocess(operation, spid, "TERM"),
      "DELETE",
      `/operations/${operation}/subprocesses/2?signal=TERM`
    ],
    [
      "writeSubprocessStdin",
      (api) => api.writeSubprocessStdin(operation, spid, { bytes: Uint8Array.of(0), close: true }),
      "POST",
      `/operations/${operation}/subprocesses/2/stdin`,
      { value: "AA==", encoding: "base64", close: true }
    ],
    ["findImageByTag", (api) => api.findImageByTag("a b"), "GET", "/inspect/?tag=a%20b"],
    ["inspectImage", (api) => api.inspectImage(image), "GET", `/inspect/${image}/`],
    ["listDirectory", (api) => api.listDirectory(image, "/a b/ü"), "GET", `/inspect/${image}/list?path=/a%20b/%C3%BC`],
    [
      "downloadFile",
      (api) => Stream.runDrain(api.downloadFile(image, "/a?b#c%")),
      "GET",
      `/inspect/${image}/download?path=/a%3Fb%23c%25`
    ],
    ["checkImageFile", (api) => api.checkImageFile(image, "/\n"), "HEAD", `/inspect/${image}/download?path=/%0A`],
    ["archive", (api) => Stream.runDrain(api.archive(image, "/")), "GET", `/inspect/${image}/archive?path=/`],
    ["checkArchive", (api) => api.checkArchive(image, "/"), "HEAD", `/inspect/${image}/archive?path=/`],
    [
      "grep",
      (api) => api.grep(image, { pattern: ["a|b", "c"], path: ["/x"], glob: ["!*.o"], case: "smart", after: 0 }),
      "GET",
      `/inspect/${image}/grep?pattern=a%7Cb&pattern=c&path=/x&glob=!*.o&case=smart&after=0`
    ]
  ]
  it.effect.each(cases)(
    "%s",
    ([name, use, verb, path, body]) =>
      withStub(() => json(418, { error: "teapot" }), (api, made) =>
        Effect.gen(function*() {
          const error = (yield* Effect.flip(use(api))) as Errors.ContreeError
          expect(made.requests).toHaveLength(1)
          expect(made.requests[0]!.method).toBe(verb)
          expect(made.urls[0]).toBe(`${base}/v1${path}`)
          const sent = made.requests[0]!.body
          if (body !== undefined) {
            expect(made.requests[0]!.headers["content-type"]).toBe("application/json")
            expect(sent._tag === "Uint8Array" && JSON.parse(new TextDecoder().decode(sent.body))).toEqual(body)
          }
          // A status that no method has an error for; its text is read, but for HEAD, which has none.
          expect(error).toMatchObject({ _tag: "UnexpectedStatusError", status: 418, method: `ContreeApi.${name}` })
        }))
  )

  it.effect("refuses what is no id before anything is sent", () =>
    withStub(() => json(200, {}), (api, made) =>
      Effect.gen(function*() {
        const climbing = "../../whoami" as Ids.ImageId & Ids.OperationId & Ids.Sha256
        const tries: ReadonlyArray<Effect.Effect<unknown, Errors.ContreeError>> = [
          api.inspectImage(climbing),
          api.getOperation(climbing),
          api.cancelOperation(climbing),
          api.getFile(climbing),
          api.checkFile(climbing),
          api.deleteImageTag(climbing),
          api.killSubprocess(operation, -1 as Ids.Spid),
          Stream.runDrain(api.downloadFile(climbing, "/")),
          Stream.runDrain(api.operationEvents(climbing)),
          api.listDirectory(image, "/\ud800"),
          api.spawnInstance({ command: "x", image, uid: -1 })
        ]
        for (const attempt of tries) {
          const error = yield* Effect.flip(attempt)
          expect(error._tag).toBe("BadRequestError")
          expect(error.message).toMatch(/: the SDK refused the request: nothing was sent: /)
        }
        expect(made.requests).toHaveLength(0)
      })))
})

describe("what comes back", () => {
  const get = (api: ContreeApi.Service) => api.getOperation(operation)

  it.effect("has the error of its status, within the method's own union", () =>
    Effect.gen(function*() {
      const tags: Record<number, string> = {
        301: "UnexpectedStatusError",
        400: "BadRequestError",
        401: "UnauthorizedError",
        402: "UnexpectedStatusError",
        403: "ForbiddenError",
        404: "NotFoundError",
        408: "UnexpectedStatusError",
        409: "ConflictError",
        410: "GoneError",
        413: "UnexpectedStatusError",
        422: "UnprocessableError",
        425: "TooEarlyError",
        429: "RateLimitedError",
        500: "ServerError",
        502: "ServerError",
        504: "ServerError",
        599: "ServerError"
      }
      for (const [status, tag] of Object.entries(tags)) {
        const reply = () => json(Number(status), { error: "words" })
        const error = yield* failing(reply(), (api) => api.createSubprocess(operation, { command: "x" }))
        expect([status, error._tag]).toEqual([status, tag])
        expect(error.message).toContain("words")
        const narrow = yield* failing(reply(), (api) => api.whoami)
        const isExtra = [404, 409, 410, 422, 425].includes(Number(status))
        expect([status, narrow._tag]).toEqual([status, isExtra ? "UnexpectedStatusError" : tag])
      }
    }))

  it.effect("carries the server's words, whatever JSON or page they are in", () =>
    Effect.gen(function*() {
      const said = (body: string, type = "application/json") =>
        Effect.map(
          failing(new Response(body, { status: 502, headers: { "content-type": type } }), get),
          (error) => error.description!.replace(/^GET \S+?(: |$)/, "")
        )
      expect(yield* said(`{"error":"plain"}`)).toBe("plain")
      expect(yield* said(`{"error":{"message":"inner","code":3}}`)).toBe("inner")
      expect(yield* said(`{"error":{"a":1}}`)).toBe(`{"a":1}`)
      expect(yield* said(`{"error":["a","b"]}`)).toBe(`["a","b"]`)
      expect(yield* said(`{"error":17}`)).toBe("17")
      expect(yield* said(`{"error":null}`)).toBe("")
      expect(yield* said(`{"detail":"other"}`)).toBe("other")
      expect(yield* said("")).toBe("")
      expect(yield* said("plain text", "text/plain")).toBe("plain text")
      expect(
        yield* said(
          "<html><head><title>502 Bad Gateway</title><style>a{}</style></head>\r\n" +
            "<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center>",
          "text/html"
        )
      )
        .toBe("502 Bad Gateway 502 Bad Gateway nginx")
      expect((yield* said("<p>" + "x".repeat(10_000), "text/html")).length).toBeLessThan(350)
      expect(yield* said(`{"error":"\\u001b[31mred\\u0007"}`)).toBe("[31mred")
    }))

  it.effect("reads Retry-After as seconds or a date, and ignores anything else", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.parse("2026-01-01T00:00:00Z"))
      const wait = (value: string) =>
        Effect.map(
          failing(json(429, { error: "slow" }, { "retry-after": value }), get),
          (error) => "retryAfterMillis" in error ? error.retryAfterMillis : undefined
        )
      expect(yield* wait("3")).toBe(3000)
      expect(yield* wait("0.5")).toBe(500)
      expect(yield* wait("-4")).toBe(0)
      expect(yield* wait("Thu, 01 Jan 2026 00:00:07 GMT")).toBe(7000)
      expect(yield* wait("Wed, 31 Dec 2025 00:00:00 GMT")).toBe(0)
      for (const garbage of ["inf", "nan", "soon", "1e3", "0x10", "", "99999999999999999999"]) {
        expect([garbage, yield* wait(garbage)]).toEqual([garbage, undefined])
      }
    }))

  it.effect("finds the request's id under each of its names", () =>
    Effect.gen(function*() {
      for (const name of ["X-Request-ID", "Request-ID", "Traceparent"]) {
        const error = yield* failing(json(500, { error: "x" }, { [name]: "id-1" }), get)
        expect(error).toMatchObject({ requestId: "id-1", status: 500, operationId: operation })
        expect(error.message).toContain("[request id-1]")
      }
    }))

  it.effect("is a DecodeError when it is not what was promised, and names the field but not its value", () =>
    Effect.gen(function*() {
      const bad = (body: string, type = "application/json") =>
        failing(new Response(body, { headers: { "content-type": type } }), (api) => api.listImages())
      const cases = [
        [yield* bad(""), /body is empty/],
        [yield* bad("<html><body>Welcome to <b>nginx</b>!", "text/html"), /not JSON: Welcome to nginx !/],
        [yield* bad(`{"images":[`), /not JSON/],
        [yield* bad(`{}`), /images: is missing/],
        [yield* bad(`{"images":[{"uuid":"${image}"},{"uuid":"secret-value"}]}`), /images\[1\]\.uuid: Expected/]
      ] as const
      for (const [error, words] of cases) {
        expect(error._tag).toBe("DecodeError")
        expect(error.message).toMatch(words)
        expect(error.message).toMatch(/GET http:\/\/contree\.test\/sandboxes\/v1\/images/)
        expect(error.message).not.toContain("secret-value")
      }
    }))

  it.effect("takes only a 302 with an id for a tag", () =>
    Effect.gen(function*() {
      const find = (status: number, location?: string) =>
        withStub(
          () => new Response(null, { status, headers: location === undefined ? {} : { location } }),
          (api) => Effect.either(api.findImageByTag("x")),
          once
        )
      for (const location of [`${image}/`, image, `/sandboxes/v1/inspect/${image}/`, `https://x/y/${image}/?a=b#c`]) {
        expect(yield* find(302, location)).toEqual(Either.right(image))
      }
      for (const location of [undefined, "", "/", "../", `${image}/x/`, "%2e%2e"]) {
        const found = yield* find(302, location)
        expect(Either.isLeft(found) && found.left._tag).toBe("DecodeError")
      }
      for (const status of [200, 301, 307]) {
        const found = yield* find(status, `${image}/`)
        expect(Either.isLeft(found) && found.left._tag).toBe("UnexpectedStatusError")
      }
    }))

  it.effect("reads a list of operations bare or wrapped", () =>
    Effect.gen(function*() {
      for (const body of [[{ uuid: operation }], { operations: [{ uuid: operation }] }]) {
        expect(yield* withStub(() => json(200, body), (api) => api.listOperations())).toEqual([{ uuid: operation }])
      }
    }))

  it.effect("keeps no more of a failure's body than it shows, and does not wait for its end", () =>
    Effect.gen(function*() {
      let pulled = 0
      const endless = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          pulled++
          controller.enqueue(new Uint8Array(16_384).fill(120))
        }
      })
      const huge = yield* failing(new Response(endless, { status: 500 }), get)
      expect(huge._tag).toBe("ServerError")
      expect(pulled).toBeLessThan(20)

      const silent = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode("so far"))
      })
      const fiber = yield* Effect.fork(failing(new Response(silent, { status: 500 }), get))
      // The stub's body is read in real time: the clock moves on until the reader has given up.
      const slow = yield* Effect.raceFirst(
        Fiber.join(fiber),
        Effect.forever(Effect.zipRight(TestClock.adjust("1 second"), Effect.promise(() => new Promise(setImmediate))))
      )
      expect(slow.message).toContain("so far")
    }))
})

describe("events", () => {
  const frame = (id: number) =>
    `id: ${id}\nevent: x\ndata: {"id":${id},"ts":"2026-01-01T00:00:00.123456789Z","type":"x","data":{"n":1}}\n\n`
  const read = (body: string) =>
    withStub(() => new Response(body), (api) => {
      const ids: Array<number> = []
      return api.operationEvents(operation).pipe(
        Stream.runForEach((event) => Effect.sync(() => ids.push(event.id))),
        Effect.either,
        Effect.map((result) => [ids, result] as const)
      )
    })

  it.effect("hands out what came before a broken one", () =>
    Effect.gen(function*() {
      const broken = ["data: {\"id\"\n\n", "id: 9\ndata: {\"id\":-1}\n\n", "data: [\"secret-value\"]\n\n"]
      for (const bad of broken) {
        const [ids, result] = yield* read(frame(0) + frame(1) + bad + frame(2))
        expect(ids).toEqual([0, 1])
        expect(Either.isLeft(result) && result.left).toMatchObject({
          _tag: "EventStreamError",
          retryable: false,
          operationId: operation
        })
        expect(String(result)).not.toContain("secret-value")
      }
    }))

  it.effect("fails with the text of an error within the stream", () =>
    Effect.gen(function*() {
      const [ids, result] = yield* read(
        `${
          frame(0)
        }: stream ended with error, retry since last event id\nevent: sse_error\ndata: log ${token} moved\n\n`
      )
      expect(ids).toEqual([0])
      const error = Either.isLeft(result) ? result.left : undefined
      expect(error).toMatchObject({ _tag: "EventStreamError", retryable: true })
      expect(error!.message).toContain("log <redacted> moved")
    }))

  it.effect("keeps the events of one piece together", () =>
    withStub(() => new Response(frame(0) + frame(1) + frame(2)), (api) =>
      Effect.gen(function*() {
        const chunks = yield* Stream.runCollect(Stream.chunks(api.operationEvents(operation)))
        expect(Chunk.toReadonlyArray(chunks).filter(Chunk.isNonEmpty).map(Chunk.size)).toEqual([3])
      })))

  it.effect("connects once, whatever the answer, and hands on what the server asks for", () =>
    Effect.gen(function*() {
      for (const [status, tag] of [[425, "TooEarlyError"], [410, "GoneError"], [503, "ServerError"]] as const) {
        yield* withStub(() => json(status, { error: "later" }, { "retry-after": "3" }), (api, made) =>
          Effect.gen(function*() {
            const error = yield* Effect.flip(Stream.runDrain(api.operationEvents(operation)))
            expect(error).toMatchObject({ _tag: tag, retryAfterMillis: 3000, retryable: true })
            expect(made.requests).toHaveLength(1)
          }))
      }
    }))
})

describe("retries", () => {
  it.effect("leaves a server alone that cannot do it at all", () =>
    Effect.gen(function*() {
      for (const status of [501, 505]) {
        yield* withStub(() => json(status, { error: "no such thing" }), (api, made) =>
          Effect.gen(function*() {
            const error = yield* Effect.flip(api.whoami)
            expect(error).toMatchObject({ _tag: "ServerError", status, retryable: false })
            expect(error.message).toContain("this server does not offer it")
            expect(error.message).not.toContain("try again")
            expect((yield* Effect.flip(api.spawnInstance({ command: "true", image }))).retryable).toBe(false)
            expect(made.requests).toHaveLength(2)
          }), { retry: Schedule.recurs(3) })
      }
    }))

  /** lets what waits for promises alone go on: bodies of the stub are read by them */
  const settle = Effect.promise(async () => {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  })

  /** moves the clock from sleeper to sleeper until it is done; the answer, and when each request came, in milliseconds */
  const run = (
    reply: (index: number) => Reply,
    use: (api: ContreeApi.Service) => Effect.Effect<unknown, unknown>,
    options: Parameters<typeof apiOn>[2] = {}
  ) =>
    Effect.gen(function*() {
      const at: Array<number> = []
      const start = yield* Clock.currentTimeMillis
      let now = start
      const fiber = yield* Effect.fork(Effect.exit(withStub(
        (index) => {
          at.push(now - start)
          return reply(index)
        },
        use,
        options
      )))
      for (;;) {
        yield* settle
        if ((yield* Fiber.poll(fiber))._tag === "Some") break
        now = Math.min(...(yield* TestClock.sleeps()))
        yield* TestClock.setTime(now)
      }
      return { exit: yield* Fiber.join(fiber), at }
    })
  const cut = () => systemError("ECONNRESET")
  const post = (api: ContreeApi.Service) => api.spawnInstance({ command: "true", image })

  it.effect("repeats reads on what is transient, five times in all, ever later", () =>
    Effect.gen(function*() {
      for (const reply of [cut, () => json(500, {}), () => json(503, {}), () => json(429, {})]) {
        const { at, exit } = yield* run(reply, (api) => api.whoami)
        expect(Exit.isFailure(exit)).toBe(true)
        expect(at).toHaveLength(5)
        const gaps = at.slice(1).map((time, i) => time - at[i]!)
        for (const [i, ideal] of [100, 200, 400, 800].entries()) {
          expect(gaps[i]!).toBeGreaterThanOrEqual(ideal * 0.8)
          expect(gaps[i]!).toBeLessThanOrEqual(ideal * 1.2)
        }
      }
    }))

  it.effect("stops at the first good answer", () =>
    Effect.gen(function*() {
      const { at, exit } = yield* run((index) => index < 2 ? json(502, {}) : json(200, whoami), (api) => api.whoami)
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(at).toHaveLength(3)
    }))

  it.effect("repeats a body that broke in the middle", () =>
    Effect.gen(function*() {
      const broken = () =>
        new Response(
          new ReadableStream({ start: (controller) => controller.error(systemError("ECONNRESET")) }),
          { headers: { "content-type": "application/json" } }
        )
      const { at } = yield* run((index) => index === 0 ? broken() : json(200, whoami), (api) => api.whoami)
      expect(at).toHaveLength(2)
    }))

  it.effect("sets a tag again as a read is asked again: twice set is set", () =>
    Effect.gen(function*() {
      const tag = (api: ContreeApi.Service) => api.setImageTag(image, "t")
      for (const reply of [cut, () => json(500, {}), () => json(503, {})]) {
        expect((yield* run(reply, tag)).at).toHaveLength(5)
      }
      expect((yield* run(() => json(409, {}), tag)).at).toHaveLength(1)
      const lost = yield* failing(cut(), tag)
      expect(lost).toMatchObject({ _tag: "TransportError", retryable: true })
    }))

  it.effect("sends a POST again on 425 and 429, and when it surely did not leave", () =>
    Effect.gen(function*() {
      const once = [
        cut,
        () => json(500, {}),
        () => json(503, {}),
        () => json(409, {})
      ]
      const calls: ReadonlyArray<(api: ContreeApi.Service) => Effect.Effect<unknown, Errors.ContreeError>> = [
        post,
        (api) => api.createSubprocess(operation, { command: "true" }),
        (api) => api.writeSubprocessStdin(operation, spid, { bytes: Uint8Array.of(65), close: false })
      ]
      for (const call of calls) {
        for (const reply of once) expect((yield* run(reply, call)).at).toHaveLength(1)
        for (const status of [425, 429]) expect((yield* run(() => json(status, {}), call)).at).toHaveLength(5)
        for (const code of ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"]) {
          expect((yield* run(() => systemError(code), call)).at).toHaveLength(5)
        }
        // a system says the same of a connection that it gives up in the middle
        const unreachable = (syscall: string) => () => Object.assign(systemError("EHOSTUNREACH"), { syscall })
        expect((yield* run(unreachable("connect"), call)).at).toHaveLength(5)
        expect((yield* run(unreachable("read"), call)).at).toHaveLength(1)
      }
      const cancel = yield* run(() => json(503, {}), (api) => api.cancelOperation(operation))
      expect(cancel.at).toHaveLength(5)
    }))

  it.effect("does not repeat what will not change, nor what took a whole timeout", () =>
    Effect.gen(function*() {
      for (const status of [400, 401, 403, 404, 410, 418]) {
        expect((yield* run(() => json(status, {}), (api) => api.inspectImage(image))).at).toHaveLength(1)
      }
      const late = yield* run(() => "never", (api) => api.whoami, { requestTimeout: "1 second" })
      expect(late.at).toHaveLength(1)
      expect(JSON.stringify(late.exit)).toContain("ETIMEDOUT")
    }))

  it.effect("repeats a 410 that names a time", () =>
    Effect.gen(function*() {
      const gone = () => json(410, {}, { "retry-after": "1" })
      const { at } = yield* run(gone, (api) => Stream.runDrain(api.downloadFile(image, "/a")))
      expect(at).toHaveLength(5)
    }))

  it.effect("waits as long as the server asks, within reason", () =>
    Effect.gen(function*() {
      const busy = (seconds: number) => (index: number) =>
        index === 0 ? json(429, {}, { "retry-after": String(seconds) }) : json(201, { uuid: operation })
      const waited = yield* run(busy(7), post)
      expect(Exit.isSuccess(waited.exit)).toBe(true)
      expect(waited.at[1]! - waited.at[0]!).toBeGreaterThanOrEqual(7000)
      expect(waited.at[1]! - waited.at[0]!).toBeLessThan(7500)
      const given = yield* run(busy(3600), post)
      expect(given.at).toHaveLength(1)
      expect(JSON.stringify(given.exit)).toContain("3600000")
    }))

  it.effect("gives up after about 30 seconds", () =>
    Effect.gen(function*() {
      const { at } = yield* run(() => json(503, {}, { "retry-after": "20" }), (api) => api.whoami)
      expect(at.length).toBeLessThanOrEqual(3)
      expect(at.at(-1)!).toBeLessThan(61_000)
    }))

  it.effect("never sends a stream twice, but bytes", () =>
    Effect.gen(function*() {
      const streamed = yield* run(() => json(429, {}), (api) => api.uploadFile(Stream.make(new Uint8Array(1))))
      expect(streamed.at).toHaveLength(1)
      const whole = yield* run(() => json(429, {}), (api) => api.uploadFile(new Uint8Array(1)))
      expect(whole.at).toHaveLength(5)
    }))

  it.effect("asks a read once more whose connection is gone, whatever the policy, and no POST", () =>
    Effect.gen(function*() {
      const stop = { retry: Schedule.stop }
      for (const code of ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]) {
        const stale = (index: number) => index === 0 ? systemError(code) : json(200, whoami)
        const read = yield* run(stale, (api) => api.whoami, stop)
        expect([Exit.isSuccess(read.exit), read.at]).toEqual([true, [0, 0]])
        expect((yield* run(() => systemError(code), (api) => api.whoami, stop)).at).toHaveLength(2)
        expect((yield* run(() => systemError(code), (api) => api.cancelOperation(operation), stop)).at).toHaveLength(2)
        expect((yield* run(() => systemError(code), post, stop)).at).toHaveLength(1)
      }
      expect((yield* run(() => systemError("ECONNREFUSED"), (api) => api.whoami, stop)).at).toHaveLength(1)
    }))

  it.effect("follows the caller's own schedule", () =>
    Effect.gen(function*() {
      const { at } = yield* run(() => json(500, {}), (api) => api.whoami, { retry: Schedule.recurs(2) })
      expect(at).toHaveLength(3)
    }))
})

describe("timeouts", () => {
  it.effect("stops a request also where it must not be interrupted", () =>
    withStub(() => "never", (api) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(
          Effect.uninterruptible(Effect.flip(api.importImage({ registry: { url: "x" } })))
        )
        yield* TestClock.adjust("5 minutes")
        expect(yield* Fiber.join(fiber)).toMatchObject({
          _tag: "TransportError",
          code: "ETIMEDOUT",
          timeout: "request",
          retryable: "unknown"
        })
      })))

  it.effect("gives a slow source all the time it wants, and a stalled server not", () =>
    Effect.gen(function*() {
      // The stub reads nothing of the body: the server is the one that stalls.
      const stalled = yield* Effect.fork(
        withStub(() => "never", (api) => Effect.flip(api.uploadFile(Stream.make(new Uint8Array(1)))))
      )
      yield* TestClock.adjust("61 seconds")
      expect(yield* Fiber.join(stalled)).toMatchObject({
        _tag: "TransportError",
        code: "ETIMEDOUT",
        timeout: "idle"
      })
    }))
})

describe("transformClient", () => {
  it.effect("sees every request, prepared", () => {
    const seen: Array<string> = []
    return withStub(() => json(200, whoami), (api, made) =>
      Effect.gen(function*() {
        yield* api.whoami
        expect(seen).toEqual([`${base}/v1/whoami`])
        expect(made.requests[0]!.headers["x-mine"]).toBe("1")
      }), {
      transformClient: (client) =>
        client.pipe(
          HttpClient.mapRequest(HttpClientRequest.setHeader("x-mine", "1")),
          HttpClient.tapRequest((request) => Effect.sync(() => seen.push(request.url)))
        )
    })
  })
})
