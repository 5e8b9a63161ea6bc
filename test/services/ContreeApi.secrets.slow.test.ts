import type { HttpClient } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, LogLevel, Option, Redacted, Schedule, Stream, Tracer } from "effect"
import * as Command from "effect-contree/Command"
import * as Contree from "effect-contree/Contree"
import type * as ContreeApi from "effect-contree/ContreeApi"
import * as ContreeConfig from "effect-contree/ContreeConfig"
import * as Errors from "effect-contree/Errors"
import * as Ids from "effect-contree/Ids"
import * as Images from "effect-contree/Images"
import * as Operations from "effect-contree/Operations"
import { inspect } from "node:util"
import { expect } from "vitest"
import { apiOn, clients, token } from "../support/httpClients.js"
import { serve } from "../support/httpServer.js"
import type { Handler } from "../support/httpServer.js"
import { json, stub, systemError } from "../support/httpStub.js"

const image = Ids.ImageId.make("00000000-0000-4000-8000-000000000001")
const operation = Ids.OperationId.make("00000000-0000-4000-8000-000000000002")

/** the token as it is, in a URL, and in base64 */
const forms = [token, encodeURIComponent(token), Buffer.from(token).toString("base64")]

/** every way in which a value ends up on a screen or in a log */
const shown = (value: unknown): ReadonlyArray<string> => {
  const texts = [String(value), JSON.stringify(value) ?? "", inspect(value, { depth: null, showHidden: true })]
  if (value instanceof Error) texts.push(value.stack ?? "", value.message, inspect(value.cause, { depth: null }))
  return texts
}

const expectNoToken = (value: unknown) => {
  // One assertion for all: thousands of values are looked at, and an assertion costs more than the look.
  const found = shown(value).filter((text) => forms.some((form) => text.includes(form)))
  expect(found).toEqual([])
}

const recorded = () => {
  const spans: Array<unknown> = []
  const logs: Array<string> = []
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const span: Tracer.Span = {
        _tag: "Span",
        name,
        spanId: "1",
        traceId: "1",
        parent,
        context,
        status: { _tag: "Started", startTime },
        attributes,
        links,
        sampled: true,
        kind,
        end: (_, exit) => {
          spans.push({ name, attributes: [...attributes], exit, exitText: String(exit) })
        },
        attribute: (key, value) => void attributes.set(key, value),
        event: (name, _, attributes) => void spans.push({ name, attributes }),
        addLinks: () => undefined
      }
      return span
    },
    context: (f) => f()
  })
  const logger = Logger.make(({ annotations, cause, message, spans }) => {
    logs.push(inspect({ message, cause, annotations, spans }, { depth: null, showHidden: true }))
    logs.push(Cause.pretty(cause))
  })
  const layer = Layer.mergeAll(
    Layer.setTracer(tracer),
    Logger.replace(Logger.defaultLogger, logger),
    Logger.minimumLogLevel(LogLevel.All)
  )
  return { spans, logs, layer }
}

/** all that the API can be asked, as programs would */
const calls = (api: ContreeApi.Service): ReadonlyArray<Effect.Effect<unknown, Errors.ContreeError>> => [
  api.whoami,
  api.listImages(),
  api.setImageTag(image, "t"),
  api.deleteImageTag(image),
  api.spawnInstance({ command: "true", image }),
  api.createSubprocess(operation, { command: "true" }),
  api.cancelOperation(operation),
  api.findImageByTag("t"),
  api.uploadFile(new Uint8Array(10)),
  api.uploadFile(Stream.make(new Uint8Array(10))),
  Stream.runDrain(api.downloadFile(image, "/a")),
  Stream.runDrain(api.archive(image, "/a")),
  Stream.runDrain(api.operationEvents(operation, { follow: true })),
  api.inspectImage(token as Ids.ImageId)
]

/** each call fails, and shows the token nowhere; the tags of the failures */
const failAll = (client: Layer.Layer<HttpClient.HttpClient>, baseUrl: string, options: Parameters<typeof apiOn>[2]) =>
  Effect.scoped(Effect.gen(function*() {
    const { layer, logs, spans } = recorded()
    const tags = new Set<string>()
    yield* Effect.gen(function*() {
      const api = yield* apiOn(client, baseUrl, options)
      expectNoToken(api)
      for (const call of calls(api)) {
        const exit = yield* Effect.exit(call)
        expectNoToken(exit)
        if (Exit.isSuccess(exit)) continue
        const { cause } = exit
        expectNoToken(cause)
        expectNoToken(Cause.pretty(cause, { renderErrorCause: true }))
        const error = Option.getOrThrow(Cause.failureOption(cause))
        expect(Errors.isContreeError(error)).toBe(true)
        expectNoToken(error)
        expectNoToken(error.message)
        tags.add(error._tag)
        yield* Effect.logError("it failed", cause)
        yield* Effect.log(error)
      }
    }).pipe(Effect.provide(layer))
    expect(spans.length).toBeGreaterThan(10)
    expect(logs.length).toBeGreaterThan(10)
    spans.forEach(expectNoToken)
    logs.forEach(expectNoToken)
    return tags
  }))

/** a server that gives back whatever it was sent, wherever it can */
const echo = (status: number): Handler => async ({ body, open, request }) => {
  const all = `${JSON.stringify(request.headers)} ${token} ${encodeURIComponent(token)} ${
    token.split("").join("<b></b>")
  }`
  const headers = {
    "x-request-id": token,
    "location": `https://x/${token}`,
    "x-other": token,
    "content-type": request.url!.includes("whoami") ? "text/html" : "application/json"
  }
  await body
  if (status === 200 && request.url!.includes("/events")) {
    open(200).end(`event: sse_error\ndata: ${all}\n\n`)
    return
  }
  open(status, headers).end(request.url!.includes("whoami") ? `<p>${all}</p>` : JSON.stringify({ error: all }))
}

describe.each(clients)("on %s", (_, client) => {
  it.live("no failure of any status shows the token, though the server repeats it", () =>
    Effect.gen(function*() {
      const tags = new Set<string>()
      for (const status of [301, 400, 401, 403, 404, 409, 410, 422, 425, 429, 500, 302, 200]) {
        const found = yield* Effect.scoped(
          Effect.flatMap(serve(echo(status)), (server) => failAll(client, server.url, { retry: Schedule.stop }))
        ).pipe(Effect.catchAllDefect((defect) => Effect.die(new Error(`status ${status}: ${String(defect)}`))))
        found.forEach((tag) => tags.add(tag))
      }
      expect([...tags].sort()).toEqual([
        "BadRequestError",
        "ConflictError",
        "DecodeError",
        "EventStreamError",
        "ForbiddenError",
        "GoneError",
        "NotFoundError",
        "RateLimitedError",
        "ServerError",
        "TooEarlyError",
        "TransportError",
        "UnauthorizedError",
        "UnexpectedStatusError",
        "UnprocessableError"
      ])
    }))

  it.live("no broken connection shows the token", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* serve(({ response }) => void response.destroy())
      const tags = yield* failAll(client, server.url, { retry: Schedule.stop })
      expect([...tags].sort()).toEqual(["BadRequestError", "TransportError"])
    })))
})

/** a service whose operations end as told, and say why with all that the requests held */
const service =
  (status: "SUCCESS" | "FAILED" | "CANCELLED", said: string): Handler => async ({ body, json, open, request }) => {
    const url = request.url!
    await body
    const operationOf = {
      uuid: operation,
      kind: "instance",
      status,
      error: said,
      metadata: {
        command: "true",
        result: {
          state: { exit_code: 3, signal: -1, timed_out: false },
          stdout: { value: "", encoding: "ascii" },
          stderr: { value: "", encoding: "ascii" }
        }
      }
    }
    const event = (id: number, type: string, data: unknown) =>
      `id: ${id}\ndata: ${JSON.stringify({ id, ts: "2026-01-01T00:00:00Z", type, data, spid: 0 })}\n\n`
    if (request.method === "POST" && url.endsWith("/instances")) return json(201, { uuid: operation })
    if (url.includes("/events")) {
      const log = [
        event(0, "network", { interfaces: [], error: said }),
        event(1, "shutdown", { stopped_at: "2026-01-01T00:00:00Z", reason: said }),
        event(2, "completion", { status, duration_ms: 1, error: said }),
        event(3, "later", { error: said })
      ]
      return open(200, { "content-type": "text/event-stream" }).end(log.join(""))
    }
    if (url.includes(`/operations/${operation}`)) return json(200, operationOf)
    if (url.includes("/operations")) return json(200, [operationOf])
    return json(500, { error: said })
  }

/** what programs do with the services over the API; each result, failure, span and log is searched for the token */
const throughLayer = (client: Layer.Layer<HttpClient.HttpClient>, baseUrl: string) =>
  Effect.gen(function*() {
    const { layer, logs, spans } = recorded()
    const ends = new Set<string>()
    const uses = Effect.gen(function*() {
      const images = yield* Images.Images
      const operations = yield* Operations.Operations
      const of = yield* images.use(image)
      const command = Command.exec("true", [token])
      const calls: ReadonlyArray<Effect.Effect<unknown, Errors.ContreeError>> = [
        of.run(command, { check: true }),
        of.run(command, { disposable: false, tag: "t:1" }),
        of.run(command, { stdin: token, env: { SECRET: token } }),
        Stream.runDrain(of.stream(command, { check: true })),
        Effect.scoped(Effect.flatMap(of.start(command), (process) => process.result)),
        of.ls(`/${token}`),
        of.readText("/a"),
        of.grep(token),
        images.use("tag:t", { strict: true }),
        images.list(),
        operations.get(operation),
        operations.list(),
        operations.wait(operation),
        Effect.map(Stream.runCollect(operations.events(operation)), (events) => JSON.stringify([...events])),
        Effect.scoped(Effect.flatMap(operations.attach(operation), (process) => process.result))
      ]
      for (const call of calls) {
        const exit = yield* Effect.exit(call)
        expectNoToken(exit)
        if (Exit.isSuccess(exit)) {
          ends.add("Success")
          expectNoToken(exit.value)
          continue
        }
        expectNoToken(Cause.pretty(exit.cause, { renderErrorCause: true }))
        const error = Option.getOrThrow(Cause.failureOption(exit.cause))
        expectNoToken(error)
        ends.add(error._tag)
        yield* Effect.logError("it failed", exit.cause)
      }
    })
    const config = { token: Redacted.make(token), baseUrl, retry: Schedule.stop }
    yield* uses.pipe(
      Effect.provide(Contree.layer(config).pipe(Layer.provide(client))),
      Effect.provide(layer)
    )
    expect(spans.length).toBeGreaterThan(10)
    spans.forEach(expectNoToken)
    logs.forEach(expectNoToken)
    return ends
  })

describe.each(clients)("the whole SDK on %s", (_, client) => {
  it.live("shows the token nowhere, though operations and events repeat it", () =>
    Effect.gen(function*() {
      const ends = new Set<string>()
      for (const status of ["SUCCESS", "FAILED", "CANCELLED"] as const) {
        const said = `bad header: Bearer ${token}, ${encodeURIComponent(token)}`
        const found = yield* Effect.scoped(
          Effect.flatMap(serve(service(status, said)), (server) => throughLayer(client, server.url))
        )
        found.forEach((end) => ends.add(end))
      }
      for (const end of ["Success", "FailedOperationError", "CommandFailedError", "CancelledOperationError"]) {
        expect([...ends]).toContain(end)
      }
    }))
})

describe("without a network", () => {
  it.effect("keeps the output of a command as it is, and scrubs what the server words", () =>
    Effect.gen(function*() {
      const said = (type: string, data: unknown) =>
        `data: ${JSON.stringify({ id: 0, ts: "2026-01-01T00:00:00Z", type, data })}\n\n`
      const output = { value: token, encoding: "ascii" }
      const { layer } = stub((_, request) =>
        request.url.includes("/events")
          ? new Response(said("stdout", output) + said("completion", { status: "FAILED", error: `x ${token}` }))
          : json(
            200,
            request.url.includes(operation)
              ? { uuid: operation, status: "FAILED", error: `x ${token}` }
              : { operations: [{ uuid: operation, error: `x ${token}` }, { uuid: operation, error: null }] }
          )
      )
      yield* Effect.scoped(Effect.flatMap(apiOn(layer, "http://contree.test"), (api) =>
        Effect.gen(function*() {
          const events = [...yield* Stream.runCollect(api.operationEvents(operation))]
          expect(events.map(({ data }) => data)).toEqual([output, { status: "FAILED", error: "x <redacted>" }])
          expect((yield* api.getOperation(operation)).error).toBe("x <redacted>")
          expect((yield* api.listOperations()).map(({ error }) => error)).toEqual(["x <redacted>", null])
        })))
    }))

  it.effect("shows no token that is a tag by mistake in the spans of readers", () =>
    Effect.gen(function*() {
      const { layer, spans } = recorded()
      const { layer: client } = stub(() => json(500, {}))
      const tag = "secret-tag-0123456789"
      const config = { token: Redacted.make(tag), baseUrl: "http://contree.test", retry: Schedule.stop }
      yield* Effect.gen(function*() {
        const of = yield* (yield* Images.Images).use(`tag:${tag}`)
        yield* Effect.ignore(of.ls())
        yield* Effect.ignore(of.grep("x"))
        yield* Effect.ignore(Stream.runDrain(of.archive("/")))
      }).pipe(Effect.provide(Contree.layer(config).pipe(Layer.provide(client))), Effect.provide(layer))
      // The handle that `use` gives holds the tag it was given: what the readers' own spans say is looked at.
      const readers = spans.filter((span) => /'Contree\.(Image|Api)\./.test(inspect(span)))
      expect(readers.length).toBeGreaterThan(3)
      expect(inspect(readers, { depth: null })).not.toContain(tag)
    }))

  it.effect("no cause of a client shows the token, whatever the client says", () =>
    Effect.gen(function*() {
      const nested = Object.assign(systemError("ECONNRESET", `header ${token} is bad`), {
        cause: new Error(`authorization: Bearer ${token}`)
      })
      const { layer } = stub(() => nested)
      const tags = yield* failAll(layer, "http://contree.test", { retry: Schedule.stop })
      expect([...tags].sort()).toEqual(["BadRequestError", "TransportError"])
    }))

  it.effect("no configuration shows the token, nor a URL that holds a password", () =>
    Effect.gen(function*() {
      const options = { token: Redacted.make(token), baseUrl: "http://contree.test" }
      expectNoToken(yield* ContreeConfig.make(options))
      for (
        const bad of [
          { ...options, token: Redacted.make(`${token} x`) },
          { ...options, baseUrl: `https://user:${token}@contree.test` },
          { ...options, baseUrl: token },
          { ...options, project: `${token}\u0000` }
        ]
      ) {
        expectNoToken(yield* Effect.exit(ContreeConfig.make(bad)))
      }
    }))
})

describe("credentials of a registry", () => {
  const password = "hunter2-hunter2"
  const words = `login of alice with ${password} (${Buffer.from(`alice:${password}`).toString("base64")}) refused`
  const isSecret = /hunter2|YWxpY2U6/

  // live: what is left of a log is asked for again, with pauses
  it.live("are in no error, span or log, whichever answer repeats them", () =>
    Effect.gen(function*() {
      const { layer, logs, spans } = recorded()
      const failed = { uuid: operation, kind: "image_import", status: "FAILED", error: words, metadata: null }
      const answers: ReadonlyArray<(method: string, path: string) => Response> = [
        () => json(400, { error: words }),
        () => json(502, { error: words }),
        (method, path) =>
          method === "POST"
            ? json(201, { uuid: operation })
            : path.endsWith("/events")
            ? json(400, { error: words })
            : json(200, failed),
        (method) => method === "POST" ? json(201, { uuid: operation }) : json(403, { error: words })
      ]
      for (const answer of answers) {
        const server = stub((index, request) => answer(request.method, new URL(server.urls[index]!).pathname))
        const contree = Contree.layer({
          token: Redacted.make(token),
          baseUrl: "https://service.test",
          retry: Schedule.stop
        })
        const exit = yield* Effect.flatMap(Images.Images, (images) =>
          images.importFrom("registry.test/app", { username: "alice", password: Redacted.make(password) })).pipe(
            Effect.tapErrorCause((cause) =>
              Effect.logError("it failed", cause)
            ),
            Effect.exit,
            Effect.provide(Layer.provide(contree, server.layer)),
            Effect.provide(layer)
          )
        expect(Exit.isFailure(exit)).toBe(true)
        expect(String(exit)).toContain("<redacted>")
        expect(shown(exit).filter((text) => isSecret.test(text))).toEqual([])
      }
      expect(spans.length).toBeGreaterThan(8)
      expect(logs.length).toBeGreaterThan(4)
      for (const value of [...spans, ...logs]) expect(shown(value).filter((text) => isSecret.test(text))).toEqual([])
    }))
})
