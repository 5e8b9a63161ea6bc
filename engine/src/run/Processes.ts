/**
 * The processes of one run while its box is up: the main command, `spid` 1, and what was started beside it. Protocol:
 * section 2.4.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { BoxHandle } from "../box/Box.js"
import type { BoxError } from "../box/BoxReport.js"
import type { Writer } from "./EventLog.js"
import type { EventLogError } from "./EventLogError.js"
import * as ExecRequest from "./ExecRequest.js"
import * as LiveProcess from "./LiveProcess.js"
import { internal, notFound, tooEarly, tooMany } from "./Refusal.js"
import type { Refusal } from "./Refusal.js"
import type { RunPlan } from "./RunPlan.js"
import * as Subprocess from "./Subprocess.js"

/** The main command. */
export const mainSpid = 1

/**
 * How many processes beside the main command one run may have at once. Each holds some of the engine's descriptors until
 * nobody holds its output any more.
 *
 * @since 0.1.0
 * @category defaults
 */
export const maxSubprocesses = 32

/**
 * @since 0.1.0
 * @category models
 */
export interface Processes {
  /** The box is up. `broken` is called when the log takes no more. */
  readonly attach: (
    handle: BoxHandle,
    broken: (error: EventLogError) => Effect.Effect<void>
  ) => LiveProcess.LiveProcess
  /** 404 for one that never was, 425 before the box is up, 409 when the run has ended. */
  readonly get: (spid: number) => Effect.Effect<LiveProcess.LiveProcess, Refusal>
  /**
   * Starts another and is done when it runs, with its spid. Once begun it goes on whatever becomes of the caller. 400 and
   * 422 for what cannot be run, 425 before the box is up, 409 when the run has ended, 429 over the limit.
   */
  readonly exec: (request: ExecRequest.ExecRequest) => Effect.Effect<number, Refusal>
  /** The box is gone, and everything in it: waits until the last of it is written down. */
  readonly close: Effect.Effect<void>
}

/**
 * 404, for a process that never was.
 *
 * @since 0.1.0
 * @category errors
 */
export const processNotFound = (spid: number): Refusal => notFound(`subprocess not found: ${spid}`)

/**
 * 425, for what needs a sandbox that is up.
 *
 * @since 0.1.0
 * @category errors
 */
export const notYetUp: Refusal = tooEarly("the sandbox is not up yet", 1)

const refusalOf = (cause: Cause.Cause<BoxError>): Refusal =>
  Option.match(Cause.failureOption(cause), {
    onNone: () => internal("the engine failed; its log says why"),
    onSome: Subprocess.refusalOf
  })

interface Up {
  readonly box: BoxHandle
  readonly broken: (error: EventLogError) => Effect.Effect<void>
}

/**
 * None yet: the box is still to come.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (plan: RunPlan, writer: Writer): Processes => {
  const processes = new Map<number, LiveProcess.LiveProcess>()
  const fibers = new Set<Fiber.RuntimeFiber<void>>()
  let up: Up | undefined
  let over = false
  let next = mainSpid + 1
  let taken = 0

  const isUp = Effect.suspend((): Effect.Effect<Up, Refusal> => {
    if (over) return Effect.fail(Subprocess.runEnded)
    return up === undefined ? Effect.fail(notYetUp) : Effect.succeed(up)
  })

  const admit = Effect.suspend((): Effect.Effect<void, Refusal> => {
    if (taken >= maxSubprocesses) {
      return Effect.fail(tooMany(`${maxSubprocesses} processes run beside the command, which is the limit`, 1))
    }
    taken += 1
    return Effect.void
  })
  const leave = Effect.sync(() => {
    taken -= 1
  })

  const tell = (spid: number, cause: Cause.Cause<BoxError>): Effect.Effect<void> =>
    Option.exists(Cause.failureOption(cause), ({ reason }) => reason === "NotRunning")
      ? Effect.void
      : Effect.logWarning(`process ${spid} of operation ${plan.operationId} failed`, cause)

  const begin = (request: ExecRequest.ExecRequest): Effect.Effect<number, Refusal> =>
    Effect.gen(function*() {
      const { box, broken } = yield* isUp
      const spec = ExecRequest.specOf(request, plan)
      yield* Effect.mapError(box.validate(spec), Subprocess.refusalOf)
      yield* admit
      const spid = next++
      const begun = yield* Deferred.make<number, Refusal>()
      const fiber = yield* Subprocess.run({
        box,
        spid,
        request,
        spec,
        writer,
        begun: (process) => {
          processes.set(spid, process)
          Deferred.unsafeDone(begun, Effect.succeed(spid))
        },
        broken
      }).pipe(
        Effect.catchAllCause((cause) => Effect.zipRight(tell(spid, cause), Deferred.fail(begun, refusalOf(cause)))),
        // one that began is over: nobody waits any more
        Effect.ensuring(Deferred.fail(begun, Subprocess.runEnded)),
        Effect.ensuring(leave),
        Effect.asVoid,
        Effect.forkDaemon
      )
      fibers.add(fiber)
      fiber.addObserver(() => fibers.delete(fiber))
      return yield* Effect.interruptible(Deferred.await(begun))
    })

  return {
    attach: (box, broken) => {
      const main = LiveProcess.make({
        spid: mainSpid,
        handle: box,
        writer,
        isOpen: plan.request.stdin === "open",
        truncateAt: plan.request.truncateAt
      })
      processes.set(mainSpid, main)
      up = { box, broken }
      return main
    },
    get: (spid) =>
      Effect.suspend(() => {
        const found = processes.get(spid)
        if (found === undefined && (up !== undefined || spid !== mainSpid)) return Effect.fail(processNotFound(spid))
        return found === undefined ? Effect.zipRight(isUp, Effect.fail(notYetUp)) : Effect.as(isUp, found)
      }),
    exec: (request) => Effect.uninterruptible(begin(request)),
    close: Effect.suspend(() => {
      over = true
      for (const process of processes.values()) process.ended()
      return Effect.asVoid(Fiber.awaitAll([...fibers]))
    })
  }
}
