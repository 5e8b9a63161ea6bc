/** Images that are there: the first few, those with a tag, and a lazy stream that stops when its reader does. */
import { NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, Effect, Option, Stream } from "effect"
import { Images } from "effect-contree"

const program = Effect.gen(function*() {
  const images = yield* Images.Images
  const tagged = yield* images.list({ number: 10, tagged: true, tagPrefix: "busybox:" })
  for (const image of tagged) {
    yield* Console.log(`${image.id.value}  ${Option.getOrElse(image.tag, () => "(no tag)")}`)
  }

  const newest = yield* images.stream({ since: "1 week" }).pipe(Stream.runHead)
  yield* Console.log(`made in the last week: ${Option.isSome(newest) ? "yes" : "none"}`)
})

program.pipe(Effect.provide(ContreeLocal.layer()), NodeRuntime.runMain)
