import { FetchHttpClient, HttpClient } from "@effect/platform"
import { expect, layer } from "@effect/vitest"
import { ContreeLocal } from "contree-local"
import { Context, Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { Command, Contree, Images } from "effect-contree"
import { eventually, temporaryStore } from "../support/engine.js"

const mebibyte = 1024 * 1024

/** How many bytes of event streams the program has taken from its sockets. */
class Taken extends Context.Tag("test/Taken")<Taken, { bytes: number }>() {}

const counted = (taken: { bytes: number }): typeof fetch => async (input, init) => {
  const answer = await fetch(input, init)
  if (answer.body === null || !String(input instanceof Request ? input.url : input).includes("/events")) return answer
  const count = new TransformStream<Uint8Array, Uint8Array>(
    {
      transform: (chunk, controller) => {
        taken.bytes += chunk.length
        controller.enqueue(chunk)
      }
    },
    { highWaterMark: 1 },
    { highWaterMark: 0 }
  )
  return new Response(answer.body.pipeThrough(count), { status: answer.status, headers: answer.headers })
}

const services = Layer.unwrapEffect(Effect.gen(function*() {
  const server = yield* ContreeLocal.Server
  const taken = yield* Taken
  return Contree.layer({
    token: server.token,
    baseUrl: server.url,
    transformClient: HttpClient.transformResponse(Effect.provideService(FetchHttpClient.Fetch, counted(taken)))
  }).pipe(Layer.provide(FetchHttpClient.layer))
})).pipe(
  Layer.provide(ContreeLocal.layerServer({ store: temporaryStore() })),
  Layer.provideMerge(Layer.sync(Taken, () => ({ bytes: 0 })))
)

layer(services, { timeout: "5 minutes" })("a consumer that stands still", (it) => {
  it.effect("takes no more than a little of the output, and all of it once it goes on", () =>
    Effect.gen(function*() {
      const image = yield* Effect.flatMap(Images.Images, (images) => images.use("busybox:latest"))
      const taken = yield* Taken
      const goOn = yield* Deferred.make<void>()
      const size = 10 * mebibyte
      let seen = 0
      const fiber = yield* image.stream(Command.shell`head -c ${size} /dev/urandom`, { truncateOutputAt: size }).pipe(
        Stream.runForEach((chunk) => {
          seen += chunk.bytes.length
          return Deferred.await(goOn)
        }),
        Effect.fork
      )
      // it stands still once nothing more was taken for many looks in a row
      let last = -1
      let same = 0
      const looks = yield* eventually(
        Effect.sync(() => {
          same = taken.bytes > 0 && taken.bytes === last ? same + 1 : 0
          last = taken.bytes
          return same
        }),
        (count) => count >= 50
      )
      expect(looks).toBeGreaterThan(0)
      // of 13.3 MiB: base64 makes four bytes of three
      expect(taken.bytes).toBeLessThan(3 * mebibyte)
      yield* Deferred.succeed(goOn, void 0)
      yield* Fiber.join(fiber)
      expect(seen).toBe(size)
    }))
})
