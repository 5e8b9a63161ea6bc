/**
 * How a run ended, or why it could not be started.
 *
 * @since 0.1.0
 */
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/**
 * What the command used, it and the children it waited for. CPU time has a resolution of 10 ms.
 *
 * @since 0.1.0
 * @category models
 */
export interface BoxResources {
  readonly userTimeUs: number
  readonly sysTimeUs: number
  readonly maxRssKb: number
  readonly minorFaults: number
  readonly majorFaults: number
  readonly voluntaryCtxSwitches: number
  readonly involuntaryCtxSwitches: number
  readonly blockInputOps: number
  readonly blockOutputOps: number
  readonly sharedMemory: number
  readonly unsharedMemory: number
  readonly swaps: number
  readonly signalsReceived: number
  readonly ipcMsgsSent: number
  readonly ipcMsgsReceived: number
}

/**
 * The exit report of a run.
 *
 * @since 0.1.0
 * @category models
 */
export interface BoxReport {
  /** The command's process id in the box. */
  readonly pid: number
  /** The exit code, or -1 when a signal ended it or nobody knows. */
  readonly code: number
  /** The signal that ended it, or -1. */
  readonly signal: number
  readonly timedOut: boolean
  /** Always false: core files are switched off in a box. */
  readonly coreDump: boolean
  /** From the start of the command to the death of the last process in the box. */
  readonly durationMs: number
  /** None when the command took the process that measures it down with it, or the box was killed as a whole. */
  readonly resources: Option.Option<BoxResources>
  /** The run wrote more than it may, and was killed for it. */
  readonly sizeCap: Option.Option<{ readonly limitBytes: number; readonly fileSize: number }>
  /**
   * The box, or the process in it that waits for the command, died without a report, and the engine did not ask for it:
   * by the machine, by hand, or by a command that kills everything around it. The run has failed.
   */
  readonly killedFromOutside: boolean
}

/**
 * A run that could not be started. `description` says what was tried and what to do.
 *
 * - `InvalidSpec`: the request cannot be met by any machine (400).
 * - `UnsupportedUser`: another user than 0 while the engine is not root (422).
 * - `MissingTool`, `MountFailed`, `DiskFull`, `StartFailed`: this machine, now.
 * - `StdinClosed`: the command's input was closed before, or the command is over.
 * - `NotRunning`: what was to be signalled is over, or the box that was to be entered is gone.
 *
 * @since 0.1.0
 * @category errors
 */
export class BoxError extends Schema.TaggedError<BoxError>("contree-local/BoxError")("BoxError", {
  reason: Schema.Literal(
    "InvalidSpec",
    "UnsupportedUser",
    "MissingTool",
    "MountFailed",
    "DiskFull",
    "StartFailed",
    "StdinClosed",
    "NotRunning"
  ),
  description: Schema.String
}) {
  /** One line for a log or a terminal. */
  override get message(): string {
    return `${this.reason}: ${this.description}`
  }
}
