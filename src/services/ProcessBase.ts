/**
 * What every process of a sandbox is, the main command and those beside it.
 *
 * @since 0.1.0
 */
import type { Signal } from "@effect/platform/CommandExecutor"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Stream from "effect/Stream"
import type * as Errors from "../schemas/Errors.js"
import type * as Event from "../schemas/Event.js"
import * as ExitStatus from "../schemas/ExitStatus.js"
import type * as Ids from "../schemas/Ids.js"
import type * as ContreeApi from "./ContreeApi.js"
import * as Output from "./Output.js"
import type { Any } from "./Process.js"
import * as ProcessInput from "./ProcessInput.js"
import type * as ProcessOutput from "./ProcessOutput.js"
import { toEvent } from "./ProcessViews.js"

/**
 * What differs from one to the other.
 *
 * @internal
 */
export interface Parts {
  readonly operationId: Ids.OperationId
  readonly spid: Ids.Spid
  readonly isStdinOpen: boolean
  readonly events: Stream.Stream<Event.OperationEvent, Errors.FollowError>
  readonly output: (wanted: (stream: ProcessOutput.Name) => boolean) => Stream.Stream<Output.Output, Errors.OutputError>
  readonly exit: Effect.Effect<ExitStatus.ExitStatus, Errors.WaitError>
  readonly isRunning: Effect.Effect<boolean, Errors.LookupError>
}

/**
 * @internal
 */
export class Base extends Inspectable.Class implements Any {
  readonly operationId: Ids.OperationId
  readonly spid: Ids.Spid
  readonly stdin: Any["stdin"]
  readonly write: Any["write"]
  readonly end: Any["end"]
  readonly output: Any["output"]
  readonly stdout: Any["stdout"]
  readonly stderr: Any["stderr"]
  readonly lines: Any["lines"]
  readonly events: Any["events"]
  readonly exit: Any["exit"]
  readonly exitCode: Any["exitCode"]
  readonly isRunning: Any["isRunning"]
  readonly kill: Any["kill"]

  constructor(api: ContreeApi.Service, parts: Parts) {
    super()
    const { operationId, spid } = parts
    const attributes = { "contree.operation": operationId, "contree.spid": spid }
    const input = ProcessInput.make(api, { operationId, spid, isOpen: parts.isStdinOpen })
    this.operationId = operationId
    this.spid = spid
    this.stdin = input.stdin
    this.write = input.write
    this.end = input.end
    this.output = parts.output(() => true)
    this.stdout = Output.stdout(parts.output((stream) => stream === "stdout"))
    this.stderr = Output.stderr(parts.output((stream) => stream === "stderr"))
    this.lines = Output.lines(this.stdout)
    this.events = parts.events.pipe(Stream.filter((event) => event.spid === spid), Stream.map(toEvent))
    this.exit = Effect.withSpan(parts.exit, "Contree.Process.exit", { attributes })
    this.exitCode = Effect.map(this.exit, ExitStatus.toExitCode)
    this.isRunning = Effect.withSpan(parts.isRunning, "Contree.Process.isRunning", { attributes })
    this.kill = (signal: Signal = "SIGTERM") =>
      Effect.withSpan(
        Effect.suspend(() => api.killSubprocess(operationId, spid, signal.replace(/^SIG/, ""))),
        "Contree.Process.kill",
        { attributes }
      )
  }
  toJSON(): unknown {
    return { _id: "Process", operationId: this.operationId, spid: this.spid }
  }
}
