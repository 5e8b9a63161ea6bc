import { FetchHttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { describe, expect, it, layer } from "@effect/vitest"
import { ContreeLocal } from "contree-local"
import { Effect } from "effect"
import { Command } from "effect-contree"
import { UndiciClient } from "effect-contree/node"
import { temporaryStore } from "../support/engine.js"
import { busybox, under } from "../support/underFaults.js"

/** longer than fetch lets a body be silent (300 s), and than any limit of the SDK */
const silence = 400

if (process.env["CONTREE_TEST_SILENCE"] === "1") {
  layer(ContreeLocal.layerServer({ store: temporaryStore() }), { excludeTestServices: true, timeout: "30 minutes" })(
    `a run that says nothing for ${silence} s of real time`,
    (it) => {
      it.effect.each(
        [
          ["effect-contree/node", UndiciClient.layer],
          ["undici", NodeHttpClient.layerUndici],
          ["node", NodeHttpClient.layer],
          ["fetch", FetchHttpClient.layer]
        ] as const
      )("ends well over %s, spawned once", ([, client]) =>
        under([], (proxy) =>
          Effect.gen(function*() {
            const result = yield* (yield* busybox).run(
              Command.shell`echo before; sleep ${silence}; echo after`,
              { timeout: "20 minutes" }
            )
            expect([result.stdout.text, result.exitCode]).toEqual(["before\nafter\n", 0])
            expect((yield* proxy.seen).filter(({ route }) => route === "spawn").length).toBe(1)
          }), { client }), 1_800_000)
    }
  )
} else {
  const reason = `it takes 4 times ${silence} s of real time: ask for it with CONTREE_TEST_SILENCE=1`
  console.log(`SKIPPED: a run that is silent for ${silence} s was not looked at: ${reason}`)
  describe(`a run that says nothing for ${silence} s`, () => {
    it.skip(`was not looked at: ${reason}`, () => undefined)
  })
}
