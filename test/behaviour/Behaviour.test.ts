import { NodeHttpClient } from "@effect/platform-node"
import { describe, it, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Contree, Images } from "effect-contree"
import { ContreeTest } from "effect-contree/testing"
import { engineLayer } from "../support/engine.js"
import { script } from "./commands.js"
import { images } from "./images.js"
import { BaseImage, running } from "./running.js"

/**
 * What a program may count on, said once and held against everything that claims to be a service. Where two of them
 * differ, one is wrong; where it is the double, a test that passes on it proves nothing.
 */
const options = { timeout: "5 minutes", excludeTestServices: true } as const

layer(ContreeTest.layer(script), options)("the double", (it) => {
  running(it)
  images(it)
})

layer(engineLayer(), options)("the embedded engine", (it) => {
  running(it)
  images(it)
})

const token = process.env["CONTREE_TOKEN"]
const name = process.env["CONTREE_TEST_IMAGE"] ?? "busybox:latest"

const service = Contree.layerEnv.pipe(Layer.provide(NodeHttpClient.layer))

/** why the service cannot be looked at; nothing, when it can */
const obstacle = token === undefined || token.trim() === ""
  ? "CONTREE_TOKEN is not set (and CONTREE_URL, where it is not the hosted one)"
  : await Effect.runPromise(
    Effect.flatMap(Images.Images, (all) => all.use(name, { strict: true })).pipe(
      Effect.provide(service),
      Effect.match({
        onFailure: (error) =>
          error._tag === "NotFoundError"
            ? `it has no image ${name}: name one with a shell in CONTREE_TEST_IMAGE`
            : error.message,
        onSuccess: () => undefined
      })
    )
  )

if (obstacle === undefined) {
  layer(Layer.merge(service, Layer.succeed(BaseImage, name)), options)("the live service", (it) => {
    running(it)
    images(it)
  })
} else {
  console.log(`SKIPPED: the behaviour of the live service was not looked at: ${obstacle}`)
  describe("the live service", () => {
    it.skip(`was not looked at: ${obstacle}`, () => undefined)
  })
}
