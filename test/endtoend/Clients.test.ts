import { FetchHttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { ContreeLocal } from "contree-local"
import { Chunk, Effect, Layer, Stream } from "effect"
import { Command, Contree, Errors, Ids, Images } from "effect-contree"
import { UndiciClient } from "effect-contree/node"
import { randomBytes } from "node:crypto"
import { gzipSync } from "node:zlib"
import { temporaryStore } from "../support/engine.js"
import { gzipProxy } from "../support/gzipProxy.js"

const clients = {
  fetch: FetchHttpClient.layer,
  node: NodeHttpClient.layer,
  undici: NodeHttpClient.layerUndici,
  "effect-contree/node": UndiciClient.layer
}

const connections = [["as it is", false], ["every answer gzipped with a flush per chunk", true]] as const

for (const [name, client] of Object.entries(clients)) {
  for (const [way, gzip] of connections) {
    const services = Layer.unwrapScoped(Effect.gen(function*() {
      const server = yield* ContreeLocal.Server
      const baseUrl = gzip ? yield* gzipProxy(server.url) : server.url
      return Contree.layer({ token: server.token, baseUrl }).pipe(Layer.provide(client))
    })).pipe(Layer.provide(ContreeLocal.layerServer({ store: temporaryStore() })))

    layer(services, { timeout: "5 minutes" })(`over ${name}, ${way}`, (it) => {
      const busybox = Effect.flatMap(Images.Images, (images) => images.use("busybox:latest", { strict: true }))

      it.effect("runs, and reads what they wrote", () =>
        Effect.gen(function*() {
          const image = yield* busybox
          const bytes = new Uint8Array(randomBytes(300_000))
          const built = yield* image.run(Command.shell("cat > /copy; echo ünïcode; echo other >&2"), {
            stdin: bytes,
            disposable: false
          })
          expect(built.stdout.text).toBe("ünïcode\n")
          expect(built.stderr.text).toBe("other\n")
          const back = yield* built.image.read("/copy")
          expect(Buffer.from(back).equals(Buffer.from(bytes))).toBe(true)
          expect((yield* built.image.ls("/")).map((entry) => entry.name)).toContain("copy")
          expect(yield* built.image.exists("/nothing")).toBe(false)
        }))

      it.effect("a stored .gz file comes out as it is", () =>
        Effect.gen(function*() {
          const image = yield* busybox
          const packed = new Uint8Array(gzipSync("packed on purpose"))
          const built = yield* image.run(Command.exec("true"), { files: { "/a.gz": packed }, disposable: false })
          expect(Buffer.from(yield* built.image.read("/a.gz")).equals(Buffer.from(packed))).toBe(true)
        }))

      it.effect("output is there before the command ends", () =>
        Effect.gen(function*() {
          const image = yield* busybox
          // endless: only a first chunk that arrives live can end this
          const first = yield* image.stream(Command.shell("echo first; exec sleep 60")).pipe(
            Stream.take(1),
            Stream.runCollect
          )
          expect(Chunk.toReadonlyArray(first).map((chunk) => chunk.text)).toEqual(["first\n"])
        }))

      it.effect("errors keep the server's words", () =>
        Effect.gen(function*() {
          const images = yield* Images.Images
          const missing = yield* Effect.flip(images.use("tag:no-such-tag", { strict: true }))
          expect(missing).toMatchObject({ _tag: "NotFoundError", status: 404 })
          const gone = yield* images.use(Ids.ImageId.make("00000000-0000-4000-8000-000000000000"))
          const error = yield* Effect.flip(gone.run(Command.exec("true")))
          expect(Errors.isContreeError(error)).toBe(true)
          expect(error).toMatchObject({ _tag: "NotFoundError", status: 404 })
          expect(error.message).toContain("00000000-0000-4000-8000-000000000000")
        }))
    })
  }
}
