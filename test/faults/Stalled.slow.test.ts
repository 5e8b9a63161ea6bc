/** Transfers that wait for servers which say nothing, as long as the limits say. */
import { expect, layer } from "@effect/vitest"
import { ContreeLocal } from "contree-local"
import { Effect, Stream } from "effect"
import { File, Files } from "effect-contree"
import { createHash, randomBytes } from "node:crypto"
import { temporaryStore } from "../support/engine.js"
import { clients, type Fault, neverWhole, size, spawnsAnsweredInPart } from "../support/transfers.js"
import { type Rules, under } from "../support/underFaults.js"

layer(ContreeLocal.layerServer({ store: temporaryStore() }), { excludeTestServices: true, timeout: "5 minutes" })(
  "under silence",
  (it) => {
    it.effect("an answer to a spawn that stalls has named the run: it goes on, and an interruption ends it", () =>
      spawnsAnsweredInPart({ _tag: "Stall", bytes: 5 }))

    it.effect("an upload that breaks, or meets a server that says nothing, fails and leaves no file", () =>
      Effect.gen(function*() {
        const faults: Array<Fault> = [{ _tag: "ResetAfterBody" }, { _tag: "Refuse" }, { _tag: "HalfOpen" }]
        yield* under(
          faults.map((fault, nth): Rules[number] => ({ route: "upload", nth, fault })),
          () =>
            Effect.gen(function*() {
              const files = yield* Files.Files
              for (const _ of faults) {
                const bytes = randomBytes(size)
                const sha256 = createHash("sha256").update(bytes).digest("hex")
                const error = yield* Effect.flip(files.upload(File.stream(Stream.make(bytes))))
                expect(error).toMatchObject({ _tag: "TransportError" })
                expect(yield* Effect.flip(files.get(sha256))).toMatchObject({ _tag: "NotFoundError" })
              }
            }),
          { idleTimeout: "4 seconds", requestTimeout: "4 seconds" }
        )
      }))

    it.effect.each(clients)(
      "over %s a file that stalls or stays away never reads as whole",
      ([, client]) => neverWhole(client, [{ _tag: "Stall", bytes: 70_000 }, { _tag: "HalfOpen" }])
    )
  }
)
