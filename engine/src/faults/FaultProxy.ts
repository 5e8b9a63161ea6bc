/**
 * A proxy that breaks things on purpose, by a script: between a client and an engine, or any server of the protocol, to
 * see what the client makes of it. For tests; on the loopback interface only.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { EngineError } from "../EngineError.js"
import type { Fault, Route, Script as FaultScript } from "./Fault.js"
import { Exchanges } from "./FaultExchange.js"

export {
  /**
   * One thing that goes wrong with one request.
   *
   * @since 0.1.0
   * @category models
   */
  Fault,
  /**
   * The kinds of requests.
   *
   * @since 0.1.0
   * @category models
   */
  Route,
  /**
   * The request of a kind that a fault is for.
   *
   * @since 0.1.0
   * @category models
   */
  Rule,
  /**
   * Faults as data, to be printed, kept, and played again.
   *
   * @since 0.1.0
   * @category models
   */
  Script
} from "./Fault.js"

export {
  /**
   * A script for a run, from a seed.
   *
   * @since 0.1.0
   * @category constructors
   */
  generate,
  /**
   * Must a run under this script come to its end all the same?
   *
   * @since 0.1.0
   * @category predicates
   */
  isRecoverable
} from "./FaultScript.js"

/**
 * A request that came by.
 *
 * @since 0.1.0
 * @category models
 */
export interface Seen {
  readonly route: Route
  /** which of its kind, from 0 */
  readonly nth: number
  readonly method: string
  /** path and query */
  readonly url: string
  readonly fault: Fault | undefined
  /** the target got it */
  readonly forwarded: boolean
  /** what the target answered, once it has */
  readonly status: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Proxy {
  /** for clients, instead of the target's */
  readonly url: string
  /** what came by so far, in order */
  readonly seen: Effect.Effect<ReadonlyArray<Seen>>
}

const listening = (server: Http.Server): Effect.Effect<string, EngineError> =>
  Effect.async((resume) => {
    server.once("error", (cause) =>
      resume(
        Effect.fail(
          new EngineError({ reason: "ListenFailed", description: `a fault proxy on 127.0.0.1: ${cause.message}` })
        )
      ))
    server.listen(0, "127.0.0.1", () => {
      const address: AddressInfo | string | null = server.address()
      const port = address !== null && typeof address === "object" ? address.port : 0
      resume(Effect.succeed(`http://127.0.0.1:${port}`))
    })
  })

/** the time between two tries to have a port again */
const retryMillis = 20

/** Lets nobody in for a while, on the port that it has; the returned function ends that for good. */
const vanishing = (
  server: Http.Server
): { readonly vanish: (millis: number) => void; readonly stop: Effect.Effect<void> } => {
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  const back = (port: number): void => {
    if (isOver) return
    // somebody else may have been given it meanwhile
    server.once("error", () => {
      timer = setTimeout(() => back(port), retryMillis)
    })
    server.listen(port, "127.0.0.1", () => server.removeAllListeners("error"))
  }
  return {
    vanish: (millis) => {
      const address = server.address()
      // it is away already: only what is still there is cut
      if (address !== null && typeof address === "object") {
        server.close()
        timer = setTimeout(() => back(address.port), millis)
      }
      server.closeAllConnections()
    },
    stop: Effect.sync(() => {
      isOver = true
      clearTimeout(timer)
    })
  }
}

const closed = (server: Http.Server): Effect.Effect<void> =>
  Effect.async((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

/**
 * Listens until the scope closes; then all its connections are cut. `target` is a URL without `/v1`. Fails with
 * `EngineError` when no port can be had.
 *
 * @example
 * ```ts
 * import { NodeHttpClient } from "@effect/platform-node"
 * import { ContreeLocal, FaultProxy } from "contree-local"
 * import { Command, Contree, Images } from "effect-contree"
 * import { Effect, Layer } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const { token, url: target } = yield* ContreeLocal.Server
 *   // the first connection to the log breaks after 300 bytes of it
 *   const proxy = yield* FaultProxy.make({
 *     target,
 *     script: { rules: [{ route: "events", nth: 0, fault: { _tag: "Cut", bytes: 300, how: "reset" } }] }
 *   })
 *   const services = Contree.layer({ token, baseUrl: proxy.url }).pipe(Layer.provide(NodeHttpClient.layerUndici))
 *   return yield* Effect.gen(function*() {
 *     const images = yield* Images.Images
 *     const busybox = yield* images.use("busybox:latest")
 *     return (yield* busybox.run(Command.exec("echo", ["hello"]))).stdout.text
 *   }).pipe(Effect.provide(services))
 * })
 *
 * export const run = program.pipe(Effect.scoped, Effect.provide(ContreeLocal.layerServer()))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly target: string
  readonly script: FaultScript
}): Effect.Effect<Proxy, EngineError, Scope.Scope> =>
  Effect.gen(function*() {
    const runtime = yield* Effect.runtime<never>()
    const server = Http.createServer({ keepAliveTimeout: 60_000 })
    const { stop, vanish } = vanishing(server)
    const exchanges = new Exchanges(options.target, options.script, Runtime.runFork(runtime), vanish)
    server.on("request", exchanges.handle)
    yield* Effect.addFinalizer(() => Effect.zipRight(Effect.zipRight(stop, closed(server)), exchanges.close))
    const url = yield* listening(server)
    return { url, seen: Effect.sync(() => [...exchanges.seen]) }
  })
