/** Files into the sandbox before the command begins: text, bytes, local files, with mode and owner. */
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect } from "effect"
import { Command, File, Files, Images } from "effect-contree"

const program = Effect.gen(function*() {
  const busybox = yield* (yield* Images.Images).use("busybox:latest")

  const result = yield* busybox.run(Command.exec("/app/hello.sh"), {
    files: {
      "/app/hello.sh": File.text("#!/bin/sh\ncat /app/data.bin | wc -c\nhead -n1 /app/license\n", { mode: 0o755 }),
      "/app/data.bin": File.bytes(new Uint8Array(4096)),
      "/app/license": File.path("LICENSE")
    }
  })
  yield* Console.log(result.stdout.text.trimEnd())

  // upload once, use in many runs
  const uploaded = yield* (yield* Files.Files).ensure("shared by every run\n")
  const counts = yield* Effect.forEach(
    [1, 2, 3],
    (n) => busybox.run(Command.shell`sed "s/every/${n}./" /in`, { files: { "/in": File.uploaded(uploaded) } })
  )
  yield* Console.log(counts.map((run) => run.stdout.text.trimEnd()).join(", "))

  // or keep them in an image
  const withFiles = yield* busybox.applyFiles({ "/etc/motd": "welcome\n" })
  yield* Console.log((yield* withFiles.readText("/etc/motd")).trimEnd())
})

program.pipe(Effect.provide(ContreeLocal.layer()), Effect.provide(NodeContext.layer), NodeRuntime.runMain)
