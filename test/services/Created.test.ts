import type { HttpClientError } from "@effect/platform"
import { HttpClient, HttpClientResponse } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Redacted, TestClock } from "effect"
import { Command, Contree, ContreeApi, Errors, Ids, Images } from "effect-contree"
import { imageId, uuid } from "../support/fakeApi.js"
import { json, systemError } from "../support/httpStub.js"

const accepted = () => new Response(null, { status: 202 })

/** bodies of the stub are read by promises, which no clock moves */
const settle = Effect.promise(async () => {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
})

/** an answer to a spawn: its head, and a body that `bytes` begin */
const created = (
  location: string | undefined,
  how: "breaks" | "stays" | "empty"
): Response => {
  const body = how === "empty" ? null : new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode("{\"uu"))
      if (how === "breaks") controller.error(systemError("ECONNRESET"))
    }
  })
  return new Response(body, { status: 201, headers: location === undefined ? {} : { location } })
}

/** spawns are answered by `spawn`; every other request is taken, and the run never ends */
const service = (spawn: () => Response) => {
  const seen = { spawns: 0, cancelled: [] as Array<string>, events: 0 }
  const client = HttpClient.make((request, url) =>
    Effect.suspend((): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> => {
      const answer = (response: Response) => Effect.succeed(HttpClientResponse.fromWeb(request, response))
      if (request.method === "POST") {
        seen.spawns++
        return answer(spawn())
      }
      if (request.method === "DELETE") {
        seen.cancelled.push(url.pathname)
        return answer(accepted())
      }
      if (url.pathname.endsWith("/events")) {
        seen.events++
        return Effect.never
      }
      return answer(json(200, { uuid: uuid(1), kind: "instance", status: "EXECUTING" }))
    })
  )
  const layer = Contree.layer({ token: Redacted.make("t"), baseUrl: "http://service.test" }).pipe(
    Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
  )
  const begin = Effect.fork(
    Effect.flatMap(
      Images.Images,
      (all) => Effect.flatMap(all.use(imageId(1)), (image) => image.run(Command.exec("sleep", ["inf"])))
    ).pipe(
      Effect.provide(layer)
    )
  )
  return { seen, begin }
}

describe("an answer to a spawn whose body does not come whole", () => {
  it.effect.each(
    [
      ["breaks", `/sandboxes/v1/operations/${uuid(3)}`],
      ["breaks", `http://elsewhere.test/v1/operations/${uuid(3)}/?x#y`],
      ["stays", `/v1/operations/${uuid(3)}`],
      ["empty", uuid(3)]
    ] as const
  )(
    "(it %s) has named the run in its Location %s: it is followed, and ended once",
    ([how, location]) =>
      Effect.gen(function*() {
        const { begin, seen } = service(() => created(location, how))
        const fiber = yield* begin
        while (seen.spawns === 0) yield* settle
        yield* settle
        // a body that stays away is not waited for as long as a request may take
        yield* TestClock.adjust("5 seconds")
        while (seen.events === 0) yield* settle
        expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
        expect(seen.cancelled).toEqual([`/v1/operations/${uuid(3)}`])
        expect(seen.spawns).toBe(1)
      })
  )

  it.effect("is waited for and cancelled when the caller goes meanwhile", () =>
    Effect.gen(function*() {
      const { begin, seen } = service(() => created(`/v1/operations/${uuid(4)}`, "stays"))
      const fiber = yield* begin
      while (seen.spawns === 0) yield* settle
      yield* settle
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* settle
      expect(Option.isNone(yield* Fiber.poll(interrupting))).toBe(true)
      yield* TestClock.adjust("5 seconds")
      yield* settle
      yield* Fiber.join(interrupting)
      expect(seen.cancelled).toEqual([`/v1/operations/${uuid(4)}`])
    }))

  it.effect.each([undefined, "/v1/operations/", "/v1/operations/no-id", "/v1/operations/.."])(
    "and whose Location is %s leaves it open whether a run began",
    (location) =>
      Effect.gen(function*() {
        const { begin, seen } = service(() => created(location, "breaks"))
        const error = yield* Effect.flip(Fiber.join(yield* begin))
        expect(error).toBeInstanceOf(Errors.TransportError)
        expect(error).toMatchObject({ retryable: "unknown" })
        expect([seen.spawns, seen.cancelled]).toEqual([1, []])
      })
  )

  it.effect.each(
    [
      [`/sandboxes/v1/operations/${uuid(1)}/subprocesses/7`, 7],
      [`/v1/operations/${uuid(1)}/subprocesses/7/?x#y`, 7],
      [undefined, "unknown"],
      [`/v1/operations/${uuid(1)}/subprocesses/`, "unknown"],
      [`/v1/operations/${uuid(1)}`, "unknown"],
      ["/v1/operations/-7", "unknown"]
    ] as const
  )("names a process beside a run where its Location, %s, does: %s", ([location, known]) =>
    Effect.gen(function*() {
      const client = HttpClient.make((request) =>
        Effect.sync(() => HttpClientResponse.fromWeb(request, created(location, "breaks")))
      )
      const api = yield* ContreeApi.ContreeApi.pipe(
        Effect.provide(Contree.layer({ token: Redacted.make("t"), baseUrl: "http://service.test" })),
        Effect.provideService(HttpClient.HttpClient, client)
      )
      const asked = api.createSubprocess(Ids.OperationId.make(uuid(1)), { command: "true" })
      expect(yield* Effect.catchTag(asked, "TransportError", (error) => Effect.succeed(error.retryable))).toBe(known)
    }))

  it.effect("gives way to a body that says otherwise", () =>
    Effect.gen(function*() {
      const { begin, seen } = service(() => json(201, { uuid: uuid(5) }, { location: `/v1/operations/${uuid(6)}` }))
      const fiber = yield* begin
      while (seen.events === 0) yield* settle
      yield* Fiber.interrupt(fiber)
      expect(seen.cancelled).toEqual([`/v1/operations/${uuid(5)}`])
    }))
})
