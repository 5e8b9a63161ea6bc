/**
 * A program that brings a gigabyte into a sandbox and takes it out again, with the engine inside of it. Prints what came
 * of it, and the most memory it ever held.
 *
 *   gigabyte-program FOLDER BYTES
 */
import { HttpClient } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Effect, Layer } from "effect"
import { Command, Contree, File, Files, Images } from "effect-contree"
import { UndiciClient } from "effect-contree/node"
import { createHash, randomBytes } from "node:crypto"
import * as Fs from "node:fs"

const [folder = "", size = ""] = process.argv.slice(2)
const source = `${folder}/source`
const target = `${folder}/target`

// What the program itself does with files it does with one buffer: the memory is to be that of what is tested.
const piece = randomBytes(1 << 20)

/** writes bytes that no file system can make smaller, and gives their hash */
const fill = (): string => {
  const hash = createHash("sha256")
  const file = Fs.openSync(source, "wx")
  for (let left = Number(size), n = 0; left > 0; left -= piece.length, n++) {
    piece.writeUInt32LE(n)
    const part = piece.subarray(0, Math.min(left, piece.length))
    hash.update(part)
    Fs.writeFileSync(file, part)
  }
  Fs.closeSync(file)
  return hash.digest("hex")
}

const hashOf = (path: string): string => {
  const hash = createHash("sha256")
  const file = Fs.openSync(path, "r")
  for (let read = 1; read > 0;) {
    read = Fs.readSync(file, piece)
    hash.update(piece.subarray(0, read))
  }
  Fs.closeSync(file)
  return hash.digest("hex")
}

const uploads: Array<string> = []

const services = Layer.unwrapEffect(Effect.map(ContreeLocal.Server, ({ token, url }) =>
  Contree.layer({
    token,
    baseUrl: url,
    transformClient: HttpClient.tapRequest((request) =>
      Effect.sync(() => void (request.method === "POST" && uploads.push(new URL(request.url).pathname)))
    )
  })))

const program = Effect.gen(function*() {
  const hash = yield* Effect.sync(fill)
  const busybox = yield* (yield* Images.Images).use("busybox:latest")
  const run = yield* busybox.run(Command.shell("sha256sum < /big"), {
    files: { "/big": File.path(source) },
    disposable: false,
    check: true
  })
  yield* run.image.download("/big", { to: target })
  const before = uploads.filter((path) => path.endsWith("/files")).length
  const again = yield* (yield* Files.Files).ensure(File.path(source))
  const after = uploads.filter((path) => path.endsWith("/files")).length
  return {
    hash,
    inSandbox: run.stdout.text.split(" ")[0],
    downloaded: hashOf(target),
    ensured: again.sha256,
    bodies: [before, after],
    // kilobytes
    peak: process.resourceUsage().maxRSS
  }
})

const engine = ContreeLocal.layerServer({ store: `${folder}/store` })
const all = services.pipe(Layer.provideMerge(engine), Layer.provide(UndiciClient.layer))
console.log(
  JSON.stringify(await Effect.runPromise(program.pipe(Effect.provide(all), Effect.provide(NodeContext.layer))))
)
