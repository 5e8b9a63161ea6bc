/**
 * Another process in the sandbox of a run.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Ids from "../schemas/Ids.js"
import { launchIn } from "./Launch.js"
import type { Gated } from "./Machine.js"
import type { Process } from "./Process.js"
import { Base } from "./ProcessBase.js"
import { asConflict } from "./ProcessInput.js"
import * as RunRequest from "./RunRequest.js"
import * as SubprocessViews from "./SubprocessViews.js"

/**
 * @internal
 */
export const make = (deps: Gated, operationId: Ids.OperationId): Process["exec"] => (command, options = {}) =>
  Effect.gen(function*() {
    const { api } = deps
    const method = "Process.exec"
    yield* deps.gate.check(method)
    const request = yield* RunRequest.execSpec(method, command, options)
    yield* Effect.annotateCurrentSpan(
      "contree.command",
      deps.scrub(command._tag === "Exec" ? command.path : "shell")
    )
    const { lifecycle, spid } = yield* launchIn(deps, method, operationId, request)
    yield* Effect.annotateCurrentSpan("contree.spid", spid)
    const views = SubprocessViews.make({ api, method: "Process", lifecycle, spid })
    return new Base(deps, { ...views, operationId, spid, isStdinOpen: options.stdin === "pipe" })
  }).pipe(
    Effect.catchTag("GoneError", asConflict),
    Effect.withSpan("Contree.Process.exec", { attributes: { "contree.operation": operationId } })
  )
