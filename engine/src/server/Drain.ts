/**
 * What is left of a request's body after an answer that did not wait for it: a refusal half way, a full disk. It is read
 * away, and for a while only: a client that sends all before it reads gets its answer, and the connection serves the next
 * request. (Node does this for a body that nobody has touched.)
 *
 * @since 0.1.0
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import type * as Http from "node:http"

const defaultMillis = 10_000

/** Node closes it with the answer, and what then is still unread resets the connection: the answer may go with it. */
const closing = new WeakSet<Http.IncomingMessage>()

const hasBody = ({ headers }: Http.IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0

/**
 * To be done before the head of the answer is written: a connection that is to be closed after it stays until the body
 * is over.
 *
 * @since 0.1.0
 * @category draining
 */
export const linger = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void> =>
  Effect.sync(() => {
    const source = NodeHttpServerRequest.toIncomingMessage(request)
    const response = NodeHttpServerRequest.toServerResponse(request)
    if (source.complete || !hasBody(source) || response.shouldKeepAlive) return
    response.shouldKeepAlive = true
    closing.add(source)
  })

const drain = (request: Http.IncomingMessage, millis: number): void => {
  const { socket } = request
  const over = (): void => {
    if (closing.has(request)) socket.end()
  }
  if (request.complete) return over()
  const fiber = Effect.runFork(Effect.delay(Effect.sync(() => socket.destroy()), millis))
  const rest = (): void => fiber.unsafeInterruptAsFork(fiber.id())
  socket.once("close", rest)
  request.once("end", () => {
    socket.off("close", rest)
    rest()
    over()
  })
  request.resume()
}

/**
 * For every request of the server. A connection whose body goes on for so long after the answer is cut: ten seconds, or
 * `millis`.
 *
 * @since 0.1.0
 * @category draining
 */
export const install = (server: Http.Server, millis: number = defaultMillis): void => {
  server.on("request", (request: Http.IncomingMessage, response: Http.ServerResponse) => {
    response.on("finish", () => drain(request, millis))
  })
}
