/**
 * One request after the other through the proxy, each with the fault that the script has for it.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Http from "node:http"
import type { Socket } from "node:net"
import type { Fault, Route, Script } from "./Fault.js"
import { faultFor, routeOf } from "./Fault.js"
import * as FaultBody from "./FaultBody.js"
import { writerOf } from "./FaultWriter.js"
import type { Writer } from "./FaultWriter.js"

interface Seen {
  readonly route: Route
  readonly nth: number
  readonly method: string
  readonly url: string
  readonly fault: Fault | undefined
  forwarded: boolean
  status: number | undefined
}

/** whoever is tested may hold its clock still: sockets go on all the same */
const pause = (millis: number): Effect.Effect<void> => Effect.withClock(Effect.sleep(millis), Clock.make())

/** headers of one connection, which are not for the next */
const own = ["connection", "keep-alive", "transfer-encoding", "host", "accept-encoding"]

const handedOn = (headers: Http.IncomingHttpHeaders): Http.OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !own.includes(name)))

const hasBody = (method: string, status: number): boolean =>
  method !== "HEAD" && status !== 204 && status !== 302 && status !== 304

/**
 * @since 0.1.0
 * @category models
 */
export class Exchanges {
  readonly seen: Array<Seen> = []
  private readonly counts = new Map<Route, number>()
  private readonly dead = new WeakSet<Socket>()
  private readonly agent = new Http.Agent({ keepAlive: true })
  private readonly running = new Set<Fiber.RuntimeFiber<void, unknown>>()

  constructor(
    private readonly target: string,
    private readonly script: Script,
    private readonly fork: (self: Effect.Effect<void>) => Fiber.RuntimeFiber<void>,
    /** stops listening, cuts what is there, and listens again after so long */
    private readonly vanish: (millis: number) => void
  ) {}

  /** ends what is still held up */
  readonly close: Effect.Effect<void> = Effect.sync(() => {
    for (const fiber of this.running) fiber.unsafeInterruptAsFork(fiber.id())
    this.agent.destroy()
  })

  readonly handle = (request: Http.IncomingMessage, response: Http.ServerResponse): void => {
    // a socket that broke is told by whoever reads or writes it
    request.on("error", ignore)
    response.on("error", ignore)
    if (this.dead.has(request.socket)) return void request.socket.resetAndDestroy()
    const method = request.method ?? "GET"
    const url = request.url ?? "/"
    const route = routeOf(method, url)
    const nth = this.counts.get(route) ?? 0
    this.counts.set(route, nth + 1)
    const fault = faultFor(this.script, route, nth)
    const seen: Seen = { route, nth, method, url, fault, forwarded: false, status: undefined }
    this.seen.push(seen)
    switch (fault?._tag) {
      case "Refuse":
        return void request.socket.resetAndDestroy()
      case "Unreachable":
        return this.vanish(fault.millis)
      case "HalfOpen":
        return void request.resume()
      case "ResetAfterBody":
        return void request.resume().once("end", () => request.socket.resetAndDestroy())
      case "Status":
        return void request.resume().once("end", () => refuse(response, fault.status, fault.retryAfter))
      default:
        return this.forward(request, response, seen)
    }
  }

  private forward(request: Http.IncomingMessage, response: Http.ServerResponse, seen: Seen): void {
    const onward = Http.request(`${this.target}${seen.url}`, {
      agent: this.agent,
      method: seen.method,
      // what the target compresses could not be cut at a byte
      headers: { ...handedOn(request.headers), "accept-encoding": "identity" }
    })
    seen.forwarded = true
    onward.once("error", () => response.destroy())
    response.once("close", () => onward.destroy())
    onward.once("response", (answer) => {
      seen.status = answer.statusCode
      if (seen.fault?._tag === "DropAnswer") {
        answer.resume()
        request.socket.resetAndDestroy()
        return
      }
      if (seen.fault?._tag === "CloseIdle") this.dead.add(request.socket)
      const fiber = this.fork(this.answer(answer, response, seen))
      this.running.add(fiber)
      fiber.addObserver(() => this.running.delete(fiber))
      response.once("close", () => fiber.unsafeInterruptAsFork(fiber.id()))
    })
    request.pipe(onward)
  }

  private answer(
    answer: Http.IncomingMessage,
    response: Http.ServerResponse,
    { fault, method }: Seen
  ): Effect.Effect<void> {
    const status = answer.statusCode ?? 502
    const headers = handedOn(answer.headers)
    const body = FaultBody.make(fault)
    const gzip = hasBody(method, status) && (this.script.gzip === true || fault?._tag === "TruncateGzip")
    const changed = fault?._tag === "TruncateGzip" || gzip
    const drip = fault?._tag === "Drip" ? fault : undefined
    return Effect.gen(function*() {
      if (fault?._tag === "Delay") yield* pause(fault.millis)
      if (changed) delete headers["content-length"]
      response.writeHead(status, gzip ? { ...headers, "content-encoding": "gzip" } : headers)
      if (!hasBody(method, status)) return void response.end()
      response.flushHeaders()
      const writer = writerOf(response, gzip)
      const pieces = answer[Symbol.asyncIterator]()
      for (;;) {
        const next = yield* Effect.tryPromise(() => pieces.next() as Promise<IteratorResult<Buffer>>)
        const step: FaultBody.Step = next.done === true
          ? { bytes: body.end(), then: "end" }
          : body.push(next.value)
        yield* drip === undefined ? writer.write(step.bytes) : dripped(writer, step.bytes, drip)
        if (step.then !== "go on") return yield* finish(writer, response, step.then, next.done === true)
      }
    }).pipe(
      // the target broke off, or the client did
      Effect.catchAll(() => Effect.sync(() => void response.destroy())),
      Effect.ensuring(Effect.sync(() => void (answer.complete || answer.destroy())))
    )
  }
}

const ignore = (): void => undefined

const dripped = (
  writer: Writer,
  bytes: Uint8Array,
  drip: { readonly bytes: number; readonly millis: number }
): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let at = 0; at < bytes.length; at += drip.bytes) {
      yield* writer.write(bytes.subarray(at, at + drip.bytes))
      yield* pause(drip.millis)
    }
  })

const finish = (
  writer: Writer,
  response: Http.ServerResponse,
  then: FaultBody.Then,
  isWhole: boolean
): Effect.Effect<void> => {
  switch (then) {
    case "end":
      return isWhole ? writer.end : writer.cut
    case "close":
      // after what was written
      return Effect.sync(() => void response.socket?.end())
    case "reset":
      return Effect.sync(() => void response.socket?.resetAndDestroy())
    case "stall":
    case "go on":
      return Effect.void
  }
}

const refuse = (response: Http.ServerResponse, status: number, retryAfter: string | undefined): void => {
  response.writeHead(status, {
    "content-type": "application/json",
    ...(retryAfter === undefined ? {} : { "retry-after": retryAfter })
  })
  response.end(JSON.stringify({ error: "a fault of the script", status }))
}
