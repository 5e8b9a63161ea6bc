/**
 * What every process of a sandbox is, the main command and those beside it.
 *
 * @since 0.1.0
 */
import type { Signal } from "@effect/platform/CommandExecutor"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import * as Pull from "../internal/Pull.js"
import type * as Errors from "../schemas/Errors.js"
import type * as Event from "../schemas/Event.js"
import * as ExitStatus from "../schemas/ExitStatus.js"
import type * as Ids from "../schemas/Ids.js"
import type { Gated } from "./Machine.js"
import * as Output from "./Output.js"
import type { Any } from "./Process.js"
import * as ProcessInput from "./ProcessInput.js"
import type * as ProcessOutput from "./ProcessOutput.js"
import { toEvent } from "./ProcessViews.js"

/** Nothing of it once the gate is shut. */
const gatedStream = <A, E>(
  gate: Gated["gate"],
  method: string,
  self: Stream.Stream<A, E>
): Stream.Stream<A, E | Errors.DisposableImageRunError> =>
  Pull.toStream(Effect.zipRight(gate.check(method), Pull.fromStream(self)))

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
  /** asks, and takes note of an end */
  readonly isRunning: Effect.Effect<boolean, Errors.LookupError>
}

/** What a refused signal waits for, to learn whether that is because of the end. */
const lookTimeout = Duration.seconds(5)

const isGone = (error: Errors.CancelError): boolean => error._tag === "ConflictError" || error._tag === "NotFoundError"

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

  constructor({ api, gate }: Pick<Gated, "api" | "gate">, parts: Parts) {
    super()
    const { operationId, spid } = parts
    const attributes = { "contree.operation": operationId, "contree.spid": spid }
    const input = ProcessInput.make({ api, gate }, { operationId, spid, isOpen: parts.isStdinOpen })
    this.operationId = operationId
    this.spid = spid
    this.stdin = input.stdin
    this.write = input.write
    this.end = input.end
    const view = (name: string, wanted: (stream: ProcessOutput.Name) => boolean): Any["output"] =>
      gatedStream(gate, `Process.${name}`, parts.output(wanted))
    this.output = view("output", () => true)
    this.stdout = Output.stdout(view("stdout", (stream) => stream === "stdout"))
    this.stderr = Output.stderr(view("stderr", (stream) => stream === "stderr"))
    this.lines = Output.lines(this.stdout)
    this.events = gatedStream(
      gate,
      "Process.events",
      // a server that does not know the filter by process sends everything
      Pull.through(
        parts.events,
        Effect.map(Chunk.filterMap((event) => event.spid === spid ? Option.some(toEvent(event)) : Option.none()))
      )
    )
    this.exit = Effect.withSpan(Effect.zipRight(gate.check("Process.exit"), parts.exit), "Contree.Process.exit", {
      attributes
    })
    this.exitCode = Effect.map(this.exit, ExitStatus.toExitCode)
    this.isRunning = Effect.withSpan(
      Effect.zipRight(gate.check("Process.isRunning"), parts.isRunning),
      "Contree.Process.isRunning",
      { attributes }
    )
    this.kill = (signal: Signal = "SIGTERM") =>
      Effect.withSpan(
        Effect.zipRight(
          gate.check("Process.kill"),
          Effect.suspend(() => api.killSubprocess(operationId, spid, signal.replace(/^SIG/, ""))).pipe(
            Effect.tapError((error) =>
              isGone(error) ? Effect.ignore(Effect.timeout(parts.isRunning, lookTimeout)) : Effect.void
            )
          )
        ),
        "Contree.Process.kill",
        { attributes }
      )
  }
  toJSON(): unknown {
    return { _id: "Process", operationId: this.operationId, spid: this.spid }
  }
}
