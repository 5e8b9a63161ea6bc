import { HttpClient, HttpClientError, HttpClientResponse } from "@effect/platform"
import type { HttpClientRequest } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Either, Exit, Fiber, Layer, Logger, Redacted, Scope, TestClock } from "effect"
import { Command, Contree, Errors, Ids, Images, Operations } from "effect-contree"
import type { Image } from "effect-contree"
import { imageId, uuid } from "../support/fakeApi.js"
import { json, systemError } from "../support/httpStub.js"

/** begins runs that never end; `cancel` answers each DELETE, by number from 0, `look` each question for a status */
const service = (
  cancel: (nth: number) => Effect.Effect<Response | Error>,
  look: Effect.Effect<Response> = Effect.sync(() => standing("EXECUTING"))
) => {
  const seen = { spawns: 0, cancels: 0, events: 0, looks: 0 }
  const answer = (request: HttpClientRequest.HttpClientRequest, url: URL): Effect.Effect<Response | Error> =>
    Effect.suspend(() => {
      if (url.pathname.endsWith("/subprocesses")) return Effect.succeed(json(201, { spid: 2 }))
      if (request.method === "POST") return Effect.succeed(json(201, { uuid: uuid(++seen.spawns) }))
      if (request.method === "PATCH") return Effect.succeed(json(200, { uuid: imageId(1), tag: "t" }))
      if (request.method === "DELETE") return cancel(seen.cancels++)
      if (url.pathname.endsWith("/events")) {
        seen.events++
        return Effect.never
      }
      seen.looks++
      return look
    })
  const client = HttpClient.make((request, url) =>
    Effect.flatMap(answer(request, url), (given) =>
      given instanceof Error
        ? Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause: given }))
        : Effect.succeed(HttpClientResponse.fromWeb(request, given)))
  )
  const layer = Contree.layer({ token: Redacted.make("t"), baseUrl: "http://service.test" }).pipe(
    Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
  )
  return { seen, layer }
}

const accepted = () => new Response(null, { status: 202 })
const refused = () => json(409, { error: "operation is not cancellable" })
const standing = (status: string) => json(200, { uuid: uuid(1), kind: "instance", status })
const cmd = Command.exec("sleep", ["inf"])

/** bodies of the stub are read by promises, which no clock moves */
const settle = Effect.promise(async () => {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
})

/** moves the clock until it is done, second by second */
const moving = <A, E>(fiber: Fiber.RuntimeFiber<A, E>, seconds: number) =>
  Effect.gen(function*() {
    for (let i = 0; i < seconds && fiber.unsafePoll() === null; i++) {
      yield* settle
      yield* TestClock.adjust("1 second")
    }
    yield* settle
    return fiber.unsafePoll()
  })

describe("a cancellation", () => {
  it.effect("that the line swallows is sent again, and once it is taken no more", () =>
    Effect.gen(function*() {
      const { layer, seen } = service((nth) => Effect.succeed(nth < 2 ? systemError("ECONNRESET") : accepted()))
      const fiber = yield* Effect.fork(
        Effect.flatMap(Images.Images, (images) => Effect.flatMap(images.use(imageId(1)), (image) => image.run(cmd)))
          .pipe(Effect.provide(layer))
      )
      while (seen.events === 0) yield* settle
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      expect(yield* moving(interrupting, 12)).not.toBeNull()
      yield* TestClock.adjust("1 minute")
      expect(seen.cancels).toBe(3)
    }))

  it.effect("that never gets through is given up in time, and the log says what may run on", () =>
    Effect.gen(function*() {
      for (const answer of [Effect.succeed(systemError("ECONNRESET")), Effect.never]) {
        const said: Array<string> = []
        const logger = Logger.replace(
          Logger.defaultLogger,
          Logger.make(({ message }) => void said.push(String(message)))
        )
        const { layer, seen } = service(() => answer)
        const fiber = yield* Effect.fork(
          Effect.flatMap(Images.Images, (images) => Effect.flatMap(images.use(imageId(1)), (image) => image.run(cmd)))
            .pipe(Effect.provide(Layer.merge(layer, logger)))
        )
        while (seen.events === 0) yield* settle
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        expect(yield* moving(interrupting, 11)).not.toBeNull()
        expect(said.join()).toContain("The run may go on")
        expect(seen.cancels).toBeLessThanOrEqual(6)
      }
    }))
})

/** what is written to the log */
const listening = () => {
  const said: Array<string> = []
  return {
    said,
    layer: Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void said.push(String(message))))
  }
}

describe("what ends with a scope, over a connection that has died without a word", () => {
  const ends: ReadonlyArray<
    readonly [string, (image: Image.Image) => Effect.Effect<unknown, unknown, Scope.Scope>]
  > = [
    ["a run", (image) => image.start(cmd)],
    [
      "a process beside a run",
      (image) => Effect.flatMap(image.start(cmd), (run) => Effect.zipRight(run.detach, run.exec(cmd)))
    ],
    [
      "a tag of a scratch",
      (image) => Effect.flatMap(image.scratch, (scratch) => Effect.flatMap(scratch.image, (one) => one.tagAs("t")))
    ]
  ]
  /** ends it, over connections that answer as `cancel` says */
  const ending = (
    use: (typeof ends)[number][1],
    cancel: (nth: number) => Effect.Effect<Response | Error>
  ) =>
    Effect.gen(function*() {
      const { layer, seen } = service(cancel)
      const log = listening()
      const fiber = yield* Effect.fork(
        Effect.flatMap(Images.Images, (images) => Effect.flatMap(images.use(imageId(1)), (i) => Effect.scoped(use(i))))
          .pipe(Effect.provide(Layer.merge(layer, log.layer)))
      )
      while (seen.cancels === 0) yield* settle
      return { fiber, said: log.said, seen }
    })

  it.effect.each(ends)("%s: it is asked again on another one", ([, use]) =>
    Effect.gen(function*() {
      const { fiber, said, seen } = yield* ending(use, (nth) => nth === 0 ? Effect.never : Effect.sync(accepted))
      yield* TestClock.adjust("2 seconds")
      yield* settle
      expect([seen.cancels, fiber.unsafePoll()]).toEqual([1, null])
      yield* TestClock.adjust("1 second")
      yield* settle
      expect([seen.cancels, fiber.unsafePoll() === null]).toEqual([2, false])
      yield* TestClock.adjust("1 minute")
      expect([seen.cancels, said]).toEqual([2, []])
    }))

  it.effect("a server that is only slow is not hung up on", () =>
    Effect.gen(function*() {
      const { fiber, said, seen } = yield* ending(
        ends[0]![1],
        (nth) => nth === 0 ? Effect.delay(Effect.sync(accepted), "8 seconds") : Effect.never
      )
      expect(yield* moving(fiber, 9)).not.toBeNull()
      expect([seen.cancels, said]).toEqual([3, []])
    }))

  it.effect("what the server asks to wait for is waited for all the same", () =>
    Effect.gen(function*() {
      const busy = () => json(429, { error: "busy" }, { "retry-after": "5" })
      const { fiber, said, seen } = yield* ending(ends[0]![1], (nth) => Effect.sync(nth === 0 ? busy : accepted))
      yield* settle
      yield* TestClock.adjust("4 seconds")
      yield* settle
      expect([seen.cancels, fiber.unsafePoll()]).toEqual([1, null])
      expect(yield* moving(fiber, 3)).not.toBeNull()
      expect([seen.cancels, said]).toEqual([2, []])
    }))
})

describe("Operations.cancel", () => {
  const ended = Effect.flatMap(Operations.Operations, ({ cancel }) => cancel(Ids.OperationId.make(uuid(1))))
  const cancelling = (
    cancel: (nth: number) => Effect.Effect<Response | Error>,
    status: string
  ) =>
    Effect.gen(function*() {
      const { layer, seen } = service(cancel, Effect.sync(() => standing(status)))
      const fiber = yield* Effect.fork(Effect.either(ended).pipe(Effect.provide(layer)))
      expect(yield* moving(fiber, 10)).not.toBeNull()
      return [Either.getOrElse(yield* Fiber.join(fiber), (error) => error._tag), seen.cancels]
    })

  it.effect("whose first answer was lost has cancelled it, whatever is said of it when it is sent again", () =>
    Effect.gen(function*() {
      const lost = (nth: number) => Effect.sync(() => nth === 0 ? systemError("ECONNRESET") : refused())
      expect(yield* cancelling(lost, "CANCELLED")).toEqual([undefined, 2])
      // it had come to its own end before
      expect(yield* cancelling(lost, "SUCCESS")).toEqual(["ConflictError", 2])
      // somebody else had
      expect(yield* cancelling(() => Effect.sync(refused), "CANCELLED")).toEqual(["ConflictError", 1])
      const late = (nth: number) => nth === 0 ? Effect.never : Effect.sync(refused)
      expect(yield* cancelling(late, "CANCELLED")).toEqual([undefined, 2])
    }))

  it.effect("is done with the answer, also where nothing may interrupt it", () =>
    Effect.gen(function*() {
      const { layer, seen } = service(() => Effect.sync(accepted))
      const fiber = yield* Effect.fork(Effect.uninterruptible(ended).pipe(Effect.provide(layer)))
      yield* settle
      expect(fiber.unsafePoll()).not.toBeNull()
      yield* TestClock.adjust("1 minute")
      expect(seen.cancels).toBe(1)
    }))
})

describe("a signal", () => {
  it.effect("that is only slow is not sent twice", () =>
    Effect.gen(function*() {
      const { layer, seen } = service((nth) =>
        nth === 0 ? Effect.delay(Effect.sync(accepted), "20 seconds") : Effect.sync(accepted)
      )
      yield* Effect.gen(function*() {
        const image = yield* (yield* Images.Images).use(imageId(1))
        const process = yield* image.start(cmd)
        const fiber = yield* Effect.fork(process.kill("SIGUSR1"))
        while (seen.cancels === 0) yield* settle
        yield* TestClock.adjust("20 seconds")
        yield* settle
        expect([fiber.unsafePoll() === null, seen.cancels]).toEqual([false, 1])
      }).pipe(Effect.scoped, Effect.provide(layer))
    }))
})

describe("closing the layer", () => {
  /** three runs whose scope outlives the layer, and one more that was let go */
  const begun = (cancel: (nth: number) => Effect.Effect<Response | Error>, look?: Effect.Effect<Response>) =>
    Effect.gen(function*() {
      const { layer, seen } = service(cancel, look)
      const forever = yield* Scope.make()
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layer, scope)
      const image = yield* Context.get(context, Images.Images).use(imageId(1))
      const start = Scope.extend(image.start(cmd), forever)
      yield* Effect.all([start, start, start], { concurrency: "unbounded" })
      const freed = yield* Effect.flatMap(start, (run) => run.detach)
      return {
        seen,
        image,
        freed,
        forever,
        close: Scope.close(scope, Exit.void),
        operations: Context.get(context, Operations.Operations)
      }
    })

  it.effect("cancels what still runs, all at once, and nothing twice", () =>
    Effect.gen(function*() {
      const latch = yield* Deferred.make<void>()
      const { close, forever, image, seen } = yield* begun(() => Effect.as(Deferred.await(latch), accepted()))
      const closing = yield* Effect.fork(close)
      yield* settle
      // none has been answered, and all have been sent
      expect([seen.cancels, closing.unsafePoll()]).toEqual([3, null])
      yield* Deferred.succeed(latch, undefined)
      yield* Fiber.join(closing)
      yield* Scope.close(forever, Exit.void)
      expect(seen.cancels).toBe(3)
      const error = yield* Effect.flip(image.run(cmd))
      expect(error).toBeInstanceOf(Errors.DisposableImageRunError)
      expect(error.message).toContain("layer")
      expect(seen.spawns).toBe(4)
    }))

  it.effect("waits ten seconds at most for a server that does not answer", () =>
    Effect.gen(function*() {
      const { close, seen } = yield* begun(() => Effect.never)
      const closing = yield* Effect.fork(close)
      expect(yield* moving(closing, 11)).not.toBeNull()
      // of each run, beside the one that waits
      expect(seen.cancels).toBe(9)
    }))

  it.effect("leaves nothing to attach with: what was let go of goes on, and nobody is asked", () =>
    Effect.gen(function*() {
      const { close, freed, operations, seen } = yield* begun(() => Effect.sync(accepted))
      yield* close
      const before = { ...seen }
      expect(before.cancels).toBe(3)
      const error = yield* Effect.flip(Effect.scoped(operations.attach(freed)))
      expect(error).toMatchObject({ _tag: "DisposableImageRunError", method: "Operations.attach" })
      expect(error.message).toContain("layer")
      expect(seen).toEqual(before)
    }))

  it.effect("while a run is being attached leaves that run alone", () =>
    Effect.gen(function*() {
      const latch = yield* Deferred.make<void>()
      const { close, freed, operations, seen } = yield* begun(
        () => Effect.sync(accepted),
        Effect.as(Deferred.await(latch), standing("EXECUTING"))
      )
      const attaching = yield* Effect.fork(Effect.flip(Effect.scoped(operations.attach(freed))))
      while (seen.looks === 0) yield* settle
      yield* close
      yield* Deferred.succeed(latch, undefined)
      expect(yield* Fiber.join(attaching)).toBeInstanceOf(Errors.DisposableImageRunError)
      expect(seen.cancels).toBe(3)
    }))

  /** on a client whose spawns are answered by `spawn`; every other request is taken */
  const spawning = (
    spawn: Effect.Effect<Response>,
    options: { readonly requestTimeout?: "1 second" } = {}
  ) =>
    Effect.gen(function*() {
      const seen = { spawns: 0, cancels: 0 }
      const client = HttpClient.make((request) =>
        Effect.suspend(() => {
          if (request.method === "POST") {
            seen.spawns++
            return spawn
          }
          seen.cancels++
          return Effect.succeed(accepted())
        }).pipe(Effect.map((response) => HttpClientResponse.fromWeb(request, response)))
      )
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        Contree.layer({ token: Redacted.make("t"), baseUrl: "http://service.test", ...options }).pipe(
          Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
        ),
        scope
      )
      const image = yield* Context.get(context, Images.Images).use(imageId(1))
      const running = yield* Effect.fork(Effect.flip(image.run(cmd)))
      while (seen.spawns === 0) yield* settle
      return { seen, running, close: Scope.close(scope, Exit.void) }
    })

  it.effect("waits for a spawn that is on its way, and cancels what comes of it", () =>
    Effect.gen(function*() {
      const answer = yield* Deferred.make<void>()
      const { close, running, seen } = yield* spawning(Effect.as(Deferred.await(answer), json(201, { uuid: uuid(1) })))
      const closing = yield* Effect.fork(close)
      yield* settle
      expect(closing.unsafePoll()).toBeNull()
      yield* Deferred.succeed(answer, undefined)
      expect(yield* Fiber.join(running)).toBeInstanceOf(Errors.DisposableImageRunError)
      yield* Fiber.join(closing)
      expect(seen.cancels).toBe(1)
    }))

  it.effect("waits for the late answer to a spawn that was given up, and cancels what comes of it", () =>
    Effect.gen(function*() {
      const answer = yield* Deferred.make<void>()
      const { close, running, seen } = yield* spawning(
        Effect.as(Deferred.await(answer), json(201, { uuid: uuid(1) })),
        {
          requestTimeout: "1 second"
        }
      )
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(running)).toMatchObject({ _tag: "TransportError", timeout: "request" })
      const closing = yield* Effect.fork(close)
      yield* settle
      expect(closing.unsafePoll()).toBeNull()
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(closing)
      expect(seen.cancels).toBe(1)
    }))

  it.effect("does not wait for a spawn that is to be sent again, and it is not sent", () =>
    Effect.gen(function*() {
      const busy = json(429, { error: "busy" }, { "retry-after": "20" })
      const { close, running, seen } = yield* spawning(Effect.sync(() => busy.clone()))
      yield* settle
      yield* close
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.join(running)).toMatchObject({ _tag: "RateLimitedError" })
      expect(seen).toEqual({ spawns: 1, cancels: 0 })
    }))

  it.effect("waits for a cancellation that is on its way", () =>
    Effect.gen(function*() {
      const latch = yield* Deferred.make<void>()
      const { layer, seen } = service(() => Effect.as(Deferred.await(latch), accepted()))
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layer, scope)
      const image = yield* Context.get(context, Images.Images).use(imageId(1))
      const running = yield* Effect.fork(image.run(cmd))
      while (seen.events === 0) yield* settle
      const interrupting = yield* Effect.fork(Fiber.interrupt(running))
      while (seen.cancels === 0) yield* settle
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* settle
      expect([closing.unsafePoll(), interrupting.unsafePoll()]).toEqual([null, null])
      yield* Deferred.succeed(latch, undefined)
      yield* Fiber.join(closing)
      expect(seen.cancels).toBe(1)
    }))
})
