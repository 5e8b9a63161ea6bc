/**
 * A command that runs: its output as it comes, its end, and the way to stop it.
 *
 * Every view (`output`, `stdout`, `stderr`, `exit`, `result`) reads the server's own log of the run from its beginning,
 * over a connection of its own, and only as fast as it is read. So no view can hold up another, each may be read or
 * left, alone or together, twice or late, and nothing is gathered here that nobody asked for.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Inspectable } from "effect/Inspectable"
import type * as Stream from "effect/Stream"
import type { Subscribable } from "effect/Subscribable"
import type * as Errors from "../schemas/Errors.js"
import type * as ExitStatus from "../schemas/ExitStatus.js"
import type * as Ids from "../schemas/Ids.js"
import type { Image } from "./Image.js"
import type * as Output from "./Output.js"
import type { RunResult } from "./RunResult.js"

/**
 * Where a run is: not begun, in its sandbox, or ended (`Failed` when the server failed or cancelled it: a command that
 * exits with 1 has `Succeeded` in running).
 *
 * @since 0.1.0
 * @category models
 */
export type State = "Prepared" | "Executing" | "Succeeded" | "Failed"

/**
 * A process of a sandbox.
 *
 * @since 0.1.0
 * @category models
 */
export interface Any extends Inspectable {
  readonly operationId: Ids.OperationId
  /** 1 for the command of a run */
  readonly spid: Ids.Spid
  /**
   * stdout and stderr in the order in which the server saw them. Fails with `OutputTruncatedError` when the server cut
   * one of them, and with what the run itself failed with; else it ends with the run.
   */
  readonly output: Stream.Stream<Output.Output, Errors.OutputError>
  /** as `output`, but only this stream: stderr may be cut, or never read */
  readonly stdout: Stream.Stream<Uint8Array, Errors.OutputError>
  /** as `output`, but only this stream: stdout may be cut, or never read */
  readonly stderr: Stream.Stream<Uint8Array, Errors.OutputError>
  /** waits for the end */
  readonly exit: Effect.Effect<ExitStatus.ExitStatus, Errors.WaitError>
  /** waits for the end; 128 + n for a signal, `undefined` where no code exists or none was reported */
  readonly exitCode: Effect.Effect<number | undefined, Errors.WaitError>
  /** asks the server now */
  readonly isRunning: Effect.Effect<boolean, Errors.LookupError>
}

/**
 * The command of a run, and the run around it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Process<out I extends Image = Image> extends Any {
  /** asks the server now; `changes` starts with that, and ends with the run */
  readonly state: Subscribable<State, Errors.FollowError>
  /** waits for the end; everything about it, output included (up to what the server kept: `truncated` says) */
  readonly result: Effect.Effect<RunResult<I>, Errors.WaitError>
  /**
   * Lets go: closing the scope no longer cancels the run, and the run no longer counts against the limit of concurrent
   * runs. `Operations.attach` takes it back.
   */
  readonly detach: Effect.Effect<Ids.OperationId>
}
