/** An image by name: `use` makes a handle without asking, `strict` asks at once, `oci` imports what is not there yet. */
import { NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect } from "effect"
import { Images } from "effect-contree"

const program = Effect.gen(function*() {
  const images = yield* Images.Images
  const pinned = yield* images.use("busybox:latest", { strict: true })
  yield* Console.log(`busybox:latest is there, and pinned to one image`)

  // looked up by its tag first: this one is there, so nothing is imported
  const same = yield* images.oci("docker.io/library/busybox:latest")
  yield* Console.log(`docker.io/library/busybox:latest is the same image: ${same.id.value === pinned.id.value}`)

  const missing = yield* images.use("tag:no-such-image", { strict: true }).pipe(
    Effect.as("there"),
    Effect.catchTag("NotFoundError", () => Effect.succeed("not there"))
  )
  yield* Console.log(`tag:no-such-image is ${missing}`)
})

program.pipe(Effect.provide(ContreeLocal.layer()), NodeRuntime.runMain)
