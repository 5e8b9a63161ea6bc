/**
 * One process beside the main command, as its run's log tells it. Protocol: sections 2.4, 3.5 and 4.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { BoxHandle, SubprocessHandlers } from "../box/Box.js"
import type { BoxError } from "../box/BoxReport.js"
import type { CommandSpec } from "../box/BoxSpec.js"
import type { Writer } from "./EventLog.js"
import type { EventLogError } from "./EventLogError.js"
import type { ExecRequest } from "./ExecRequest.js"
import * as LiveProcess from "./LiveProcess.js"
import * as OutputCut from "./OutputCut.js"
import { badRequest, conflict, internal, Refusal, unprocessable } from "./Refusal.js"
import * as RunEvents from "./RunEvents.js"

/**
 * 409, for what needs a run that goes on.
 *
 * @since 0.1.0
 * @category errors
 */
export const runEnded: Refusal = conflict("operation has ended: nothing of it runs any more")

/**
 * Why a process could not be brought in.
 *
 * @since 0.1.0
 * @category conversions
 */
export const refusalOf = (error: BoxError): Refusal => {
  switch (error.reason) {
    case "InvalidSpec":
      return badRequest(error.description)
    case "UnsupportedUser":
      return unprocessable(error.description)
    case "NotRunning":
      return runEnded
    case "DiskFull":
      return new Refusal({ status: 507, error: error.description })
    default:
      return internal("starting the process failed; the engine's log says why")
  }
}

/**
 * Runs it to its end. `begun` is called when it runs, with what requests need of it, and its `spawn` event is written.
 * `broken` is called when the log takes no more. Fails with the reason why it did not begin.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = (options: {
  readonly box: BoxHandle
  readonly spid: number
  readonly request: ExecRequest
  readonly spec: CommandSpec
  readonly writer: Writer
  readonly begun: (process: LiveProcess.LiveProcess) => void
  readonly broken: (error: EventLogError) => Effect.Effect<void>
}): Effect.Effect<void, BoxError> =>
  Effect.gen(function*() {
    const { box, request, spec, spid, writer } = options
    const cuts = { stdout: OutputCut.make(request.truncateAt), stderr: OutputCut.make(request.truncateAt) }
    const orBreak = (effect: Effect.Effect<void, EventLogError>): Effect.Effect<void> =>
      Effect.catchAll(effect, options.broken)
    let live: LiveProcess.LiveProcess | undefined
    const handlers: SubprocessHandlers = {
      onSpawn: (handle) =>
        orBreak(Effect.gen(function*() {
          yield* writer.append("spawn", spid, RunEvents.spawn({ ...request, spec, timeoutSeconds: 0 }, handle.pid))
          const process = LiveProcess.make({
            spid,
            handle,
            writer,
            isOpen: request.stdin === "open",
            truncateAt: request.truncateAt
          })
          live = process
          const fork = (feeding: Effect.Effect<void, EventLogError>): Effect.Effect<void> =>
            Effect.asVoid(Effect.forkDaemon(orBreak(feeding)))
          yield* LiveProcess.feedFirst(process, request, writer, fork)
          options.begun(process)
        })),
      onOutput: (stream, bytes) =>
        orBreak(Effect.forEach(
          cuts[stream].take(bytes),
          (chunk) => writer.append(stream, spid, { ...chunk }),
          { discard: true }
        )),
      onExit: (report) =>
        orBreak(Effect.gen(function*() {
          live?.ended()
          yield* RunEvents.writeTruncated(writer, spid, cuts)
          yield* writer.append("exit", spid, RunEvents.exit(report))
        }))
    }
    yield* box.exec(spec, handlers)
  })
