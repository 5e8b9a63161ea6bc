import { NodeHttpClient } from "@effect/platform-node"
import { describe, it, layer } from "@effect/vitest"
import { Layer } from "effect"
import { Contree } from "effect-contree"
import { ContreeTest } from "effect-contree/testing"
import { engineLayer } from "../support/engine.js"
import { script } from "./commands.js"
import { images } from "./images.js"
import { running } from "./running.js"

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

if (token !== undefined && token.trim() !== "") {
  layer(Contree.layerEnv.pipe(Layer.provide(NodeHttpClient.layer)), options)("the live service", (it) => {
    running(it)
    images(it)
  })
} else {
  console.log("SKIPPED: the behaviour of the live service was not looked at, since CONTREE_TOKEN is not set")
  describe("the live service", () => {
    it.skip("needs CONTREE_TOKEN, and CONTREE_URL where it is not the hosted one", () => undefined)
  })
}
