/**
 * A request for another process in a running sandbox, with everything decided. Protocol: section 3.5.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Wire from "effect-contree/Wire"
import type { CommandSpec } from "../box/BoxSpec.js"
import * as Environment from "./Environment.js"
import type { Refusal } from "./Refusal.js"
import type { RunPlan } from "./RunPlan.js"
import * as RunRequest from "./RunRequest.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface ExecRequest {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly shell: boolean
  readonly env: Environment.Requested
  /** Absolute, or empty for the run's own. */
  readonly cwd: string
  readonly uid: number
  readonly gid: number
  readonly stdin: Uint8Array | "open"
  /** What `stdin` brought with it when it stays open. */
  readonly firstInput: Uint8Array
  /** Bytes of each output stream that are kept. */
  readonly truncateAt: number
}

/**
 * Fails with 400 and says which field, and what it may be.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (wire: Wire.ExecSpec): Effect.Effect<ExecRequest, Refusal> =>
  Effect.gen(function*() {
    return {
      command: wire.command,
      args: wire.args ?? [],
      shell: wire.shell ?? false,
      env: wire.env ?? {},
      cwd: wire.cwd ?? "",
      uid: wire.uid ?? 0,
      gid: wire.gid ?? 0,
      ...(yield* RunRequest.stdinOf(wire.stdin)),
      truncateAt: yield* RunRequest.truncateAtOf(wire.truncate_output_at)
    }
  })

/**
 * What the box is asked for. Environment and working directory are those of the run, the request's own on top.
 *
 * @since 0.1.0
 * @category conversions
 */
export const specOf = (request: ExecRequest, run: RunPlan): CommandSpec => ({
  command: request.command,
  args: request.args,
  shell: request.shell,
  env: Environment.complete({
    kept: run.keptEnv,
    requested: { ...run.request.env, ...request.env },
    home: run.homeOf(request.uid)
  }),
  cwd: request.cwd === "" ? run.spec.cwd : request.cwd,
  uid: request.uid,
  gid: request.gid,
  stdin: request.stdin
})
