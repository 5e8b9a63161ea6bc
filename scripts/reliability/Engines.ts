/** An engine on a store of its own, both gone with the scope. */
import { ContreeLocal } from "contree-local"
import { Context, Effect, Layer } from "effect"
import type { Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const engineOn: Effect.Effect<
  Context.Tag.Service<typeof ContreeLocal.Server>,
  ContreeLocal.EngineError,
  Scope.Scope
> = Effect.gen(function*() {
  const store = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "contree-reliability-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const context = yield* Layer.build(ContreeLocal.layerServer({ store }))
  return Context.get(context, ContreeLocal.Server)
})
