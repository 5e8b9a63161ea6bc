/**
 * The engine's HTTP server: unless it is told otherwise loopback only, a port that the system chooses, a token of its own.
 * Protocol: sections 1, 2.
 *
 * @since 0.1.0
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as Http from "node:http"
import type { Duplex } from "node:stream"
import { EngineError } from "../EngineError.js"
import { internal, notFound } from "../run/Refusal.js"
import * as Drain from "./Drain.js"
import * as Encoding from "./Encoding.js"
import type { Engine } from "./Engine.js"
import * as EventRoutes from "./EventRoutes.js"
import { toRefusal } from "./Failure.js"
import * as FileRoutes from "./FileRoutes.js"
import * as GrepRoutes from "./GrepRoutes.js"
import * as Guard from "./Guard.js"
import * as IdentityRoutes from "./IdentityRoutes.js"
import * as ImageRoutes from "./ImageRoutes.js"
import * as ImportRoutes from "./ImportRoutes.js"
import * as InspectRoutes from "./InspectRoutes.js"
import * as OperationRoutes from "./OperationRoutes.js"
import * as Reply from "./Reply.js"
import * as SubprocessRoutes from "./SubprocessRoutes.js"

/**
 * Where the server is, and what it lets in.
 *
 * @since 0.1.0
 * @category models
 */
export interface Address {
  /** without `/v1` and without a slash at its end */
  readonly url: string
  readonly token: Redacted.Redacted<string>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ServerOptions {
  /**
   * A connection that carries not one byte for so long, in milliseconds, is cut. Streams of events have their
   * keep-alives, so this hits clients that stopped sending, or reading. Default 120,000.
   */
  readonly idleMillis?: number | undefined
  /** an address of this machine; default `127.0.0.1` */
  readonly host?: string | undefined
  /** default 0: one that is free */
  readonly port?: number | undefined
  /** default: one that nobody can guess */
  readonly token?: Redacted.Redacted<string> | undefined
}

/** every address of the machine: a client needs one of them */
const everywhere: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" }

const urlOf = (host: string, port: number): string => {
  const name = Guard.nameOf(everywhere[host] ?? host)
  return `http://${name}:${port}`
}

/** what the system says, and what to do about the commonest of it */
const cannotListen = (host: string, port: number, cause: unknown): EngineError => {
  const said = cause instanceof Error ? cause.message : String(cause)
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined
  const advice = code === "EADDRINUSE"
    ? "Another program has this port: choose another, or 0 for one that is free"
    : code === "EADDRNOTAVAIL" || code === "ENOTFOUND"
    ? "This machine has no such address"
    : "Check that the interface is up and that this process may open sockets"
  return new EngineError({ reason: "ListenFailed", description: `listening on ${host}:${port}: ${said}. ${advice}` })
}

type App = Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest>

const router = (engine: Engine) =>
  HttpRouter.fromIterable([
    ...IdentityRoutes.make(engine),
    ...ImportRoutes.make(engine),
    ...ImageRoutes.make(engine),
    ...FileRoutes.make(engine),
    ...OperationRoutes.make(engine),
    ...EventRoutes.make(engine),
    ...SubprocessRoutes.make(engine),
    ...InspectRoutes.make(engine),
    ...GrepRoutes.make(engine)
  ])

/** Every request ends in an answer of ours: no default of the framework shows. */
const answering = (engine: Engine, token: string, listening: Guard.Listening): App => {
  const isAuthorized = Guard.isAuthorized(token)
  const refuseSender = Guard.refuseSender(listening)
  const routes = router(engine).pipe(
    Effect.tapError((failure) => {
      const isOurs = failure._tag === "EventLogError" || failure._tag === "StoreError"
      // the answer has no paths: who may see them finds them here
      return isOurs ? Effect.logDebug(`a request failed: ${failure.message}`) : Effect.void
    }),
    Effect.catchAll((failure) =>
      Effect.succeed(
        Reply.refuse(
          failure._tag === "RouteNotFound" ? notFound("there is no such route") : toRefusal(failure, engine.store.path)
        )
      )
    ),
    Effect.catchAllCause((cause) =>
      Cause.isInterrupted(cause)
        ? Effect.interrupt
        : Effect.as(
          Effect.logError("a request failed", cause),
          Reply.refuse(internal("the engine failed; its log says why"))
        )
    )
  )
  return Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
    const sender = refuseSender({ host: request.headers["host"], origin: request.headers["origin"] })
    if (sender !== undefined) return Effect.succeed(Reply.refuse(sender))
    if (!isAuthorized(request.headers["authorization"])) return Effect.succeed(Reply.refuse(Guard.noToken))
    const refusal = Guard.refusePath(request.method, request.originalUrl)
    return refusal === undefined ? routes : Effect.succeed(Reply.refuse(refusal))
  })
}

const application = (engine: Engine, token: string, listening: Guard.Listening): App => {
  const answer = answering(engine, token, listening)
  return Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request) =>
      answer.pipe(
        Effect.flatMap((response) =>
          Encoding.encode(response, {
            method: request.method,
            acceptEncoding: request.headers["accept-encoding"]
          })
        ),
        Effect.map((response) => Reply.cutWhenBroken(response, request)),
        Effect.zipLeft(Drain.linger(request))
      )
  )
}

/** Counts what goes on, so that closing can wait for it. */
const counted = (active: { count: number }) =>
  HttpMiddleware.make((app) =>
    Effect.suspend(() => {
      active.count += 1
      return app
    }).pipe(Effect.ensuring(Effect.sync(() => {
      active.count -= 1
    })))
  )

const nodeServer = (idleMillis: number): Http.Server => {
  const server = Http.createServer({
    // an upload takes as long as it takes; that it goes on is what the idle limit sees to
    requestTimeout: 0,
    headersTimeout: Math.min(30_000, idleMillis),
    keepAliveTimeout: Math.min(60_000, idleMillis),
    connectionsCheckingInterval: Math.min(5_000, Math.ceil(idleMillis / 2))
  })
  server.setTimeout(idleMillis)
  server.on("clientError", refuseGarbage)
  return server
}

// what is no HTTP gets the same form of answer as everything else
const refuseGarbage = (error: Error, socket: Duplex): void => {
  const reset = "code" in error && error.code === "ECONNRESET"
  if (reset || !socket.writable) {
    socket.destroy()
    return
  }
  const tooLong = "code" in error && error.code === "HPE_HEADER_OVERFLOW"
  const status = tooLong ? 431 : 400
  const body = JSON.stringify({
    error: tooLong ? "the headers are too long" : "this is not a valid HTTP request",
    status
  })
  socket.end(
    `HTTP/1.1 ${status} ${Http.STATUS_CODES[status] ?? ""}\r\nConnection: close\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

// by the machine's clock: whoever closes may hold Effect's still. Looked at, not timed out: a finalizer is not interrupted
const untilIdle = (active: { count: number }, millis: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const end = performance.now() + millis
    return Effect.sleep("2 millis").pipe(
      Effect.repeat({ until: () => active.count === 0 || performance.now() > end }),
      Effect.withClock(Clock.make())
    )
  })

/** how long whoever reads the end of a log may take for it, in milliseconds, before the connection is cut */
const farewell = 2_000

// first no more are let in: one that came after the others were cut would keep the server from closing, unanswered
const shut = (server: Http.Server, active: { count: number }): Effect.Effect<void> =>
  Effect.gen(function*() {
    const closed = yield* Deferred.make<void>()
    server.close(() => Deferred.unsafeDone(closed, Effect.void))
    yield* untilIdle(active, farewell)
    server.closeAllConnections()
    yield* Deferred.await(closed)
    yield* untilIdle(active, 5_000)
  })

/**
 * Listens until the scope closes; then what is being answered has two seconds to come to its end, every connection is
 * cut, and every handler is over. `ListenFailed` when the interface gives no port.
 *
 * @since 0.1.0
 * @category constructors
 */
export const start = (
  engine: Engine,
  options: ServerOptions = {}
): Effect.Effect<Address, EngineError, Scope.Scope> =>
  Effect.gen(function*() {
    const { host = "127.0.0.1", port: wanted = 0 } = options
    const token = options.token === undefined ? randomBytes(32).toString("base64url") : Redacted.value(options.token)
    const node = nodeServer(options.idleMillis ?? 120_000)
    const active = { count: 0 }
    const server = yield* NodeHttpServer.make(() => node, { host, port: wanted }).pipe(
      Effect.mapError(({ cause }) => cannotListen(host, wanted, cause))
    )
    Drain.install(node)
    const { address } = server
    const port = address._tag === "TcpAddress" ? address.port : 0
    yield* server.serve(application(engine, token, { address: host, port }), counted(active)).pipe(
      HttpRouter.withRouterConfig({ caseSensitive: true, ignoreTrailingSlash: false, ignoreDuplicateSlashes: false }),
      // spans of the program around the engine are not for its insides
      Effect.locally(HttpMiddleware.currentTracerDisabledWhen, () => true)
    )
    // before the handlers go: a request that comes meanwhile on a connection that is kept has its answer
    yield* Effect.addFinalizer(() => shut(node, active))
    return {
      url: urlOf(host, port),
      token: Redacted.make(token)
    }
  })
