import { expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Command, Errors, Images } from "effect-contree"
import * as Channel from "node:diagnostics_channel"
import type * as Http from "node:http"
import * as ContreeLocal from "../src/ContreeLocal.js"
import * as Local from "./support/LocalEngine.js"

interface Exchange {
  readonly request: Http.IncomingMessage
  readonly response: Http.ServerResponse
}

/** The engine's ends of connections that files come over, each said to be its last answer: as a server may at any time. */
const lastAnswers = Effect.gen(function*() {
  const requests: Array<Http.IncomingMessage> = []
  const listener = (message: unknown): void => {
    const { request, response } = message as Exchange
    if (!request.url?.includes("/download?")) return
    response.shouldKeepAlive = false
    requests.push(request)
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => Channel.subscribe("http.server.request.start", listener)),
    () => Effect.sync(() => Channel.unsubscribe("http.server.request.start", listener))
  )
  return requests
})

// undici's own way to make a sender wait ends the whole process here.
it.scopedLive("a connection that is cut while it is read slowly is an error of that reading", () =>
  Effect.gen(function*() {
    const store = yield* Local.storeFolder
    const requests = yield* lastAnswers
    const error = yield* Effect.gen(function*() {
      const base = yield* (yield* Images.Images).use("busybox:latest")
      const { image } = yield* base.run(Command.shell`head -c 8388608 /dev/urandom > /file`, { disposable: false })
      return yield* image.readStream("/file").pipe(
        Stream.runForEach(() =>
          Effect.sync(() => void requests[0]!.socket.resetAndDestroy()).pipe(Effect.zipRight(Effect.sleep("20 millis")))
        ),
        Effect.flip
      )
    }).pipe(Effect.provide(ContreeLocal.layer({ store })))
    expect(error).toBeInstanceOf(Errors.TransportError)
  }))
