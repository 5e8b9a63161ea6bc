/** Look into an image without running anything: list, read, search, and download to this machine. */
import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect } from "effect"
import { Command, Images } from "effect-contree"

const program = Effect.gen(function*() {
  const busybox = yield* (yield* Images.Images).use("busybox:latest")
  const { image } = yield* busybox.run(
    Command.shell("mkdir -p /srv/logs && echo 'GET /' > /srv/logs/a.log && echo 'POST /x' > '/srv/logs/b c.log'"),
    { disposable: false, check: true }
  )

  for (const entry of yield* image.ls("/srv/logs")) {
    yield* Console.log(`${entry._tag}  ${entry.mode.toString(8)}  ${entry.size} bytes  ${entry.path}`)
  }
  yield* Console.log((yield* image.readText("/srv/logs/b c.log")).trimEnd())
  yield* Console.log(`is there a /srv/logs/z.log? ${yield* image.exists("/srv/logs/z.log")}`)

  yield* Effect.scoped(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped()
    const file = yield* image.download("/srv/logs/a.log", { to: `${folder}/a.log` })
    yield* Console.log(`downloaded: ${(yield* fs.readFileString(file)).trimEnd()}`)
    const all = yield* image.downloadDirectory("/srv/logs", { to: `${folder}/logs` })
    yield* Console.log(`downloaded: ${(yield* fs.readDirectory(all)).sort().join(", ")}`)
  }))
})

program.pipe(Effect.provide(ContreeLocal.layer()), Effect.provide(NodeContext.layer), NodeRuntime.runMain)
