/**
 * One run from its row to its last event. Only the box can be interrupted; what comes after it is done whatever happens,
 * once. Protocol: sections 3.8 and 4.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { Handlers, Launcher } from "../box/Box.js"
import type { BoxReport } from "../box/BoxReport.js"
import type { OperationFields } from "../store/OperationStore.js"
import type { Store } from "../store/Store.js"
import type { StoreError } from "../store/StoreError.js"
import type { EventLogError, Writer } from "./EventLog.js"
import * as LiveProcess from "./LiveProcess.js"
import * as Moment from "./Moment.js"
import * as OutputCut from "./OutputCut.js"
import * as Processes from "./Processes.js"
import * as RunEvents from "./RunEvents.js"
import * as RunOutcome from "./RunOutcome.js"
import type { RunPlan } from "./RunPlan.js"

/** The states that an operation can still leave. */
export const active: ReadonlyArray<string> = ["PENDING", "ASSIGNED", "EXECUTING"]

/**
 * A run that is going on.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry {
  readonly plan: RunPlan
  readonly writer: Writer
  readonly processes: Processes.Processes
  /** Ends the log for its followers; nothing can be written to it afterwards. */
  readonly endLog: Effect.Effect<void>
  stopped: RunOutcome.Stopped
  /** Its `init` event is written. */
  begun: boolean
  /** From here on the outcome is being written down, and nobody can change it any more. */
  finishing: boolean
  /** How it ended, while the store cannot take that down (a full disk): what is asked about it is answered from here. */
  unwritten: Unwritten | undefined
}

/**
 * What the row of an operation will say as soon as it can be written.
 *
 * @since 0.1.0
 * @category models
 */
export interface Unwritten {
  readonly status: End["status"]
  readonly fields: OperationFields
}

interface Machine {
  readonly store: Store
  readonly launcher: Launcher
  /** Waits so long, or until the engine closes: then `false`. */
  readonly pause: (millis: number) => Effect.Effect<boolean>
}

interface End {
  readonly status: "SUCCESS" | "FAILED" | "CANCELLED"
  readonly error: string | null
  readonly resultImageId: string | null
  readonly imageSize: number | null
}

/**
 * To be forked where it cannot be interrupted. Never fails: what goes wrong is the operation's outcome.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (machine: Machine, entry: Entry): Effect.Effect<void> =>
  Effect.gen(function*() {
    const started = yield* Clock.currentTimeMillis
    const workspace = yield* Scope.make()
    const release = Scope.close(workspace, Exit.void)
    yield* Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.interruptible(Scope.extend(execute(machine, entry), workspace)))
      entry.finishing = true
      // those beside the command died with the box: what is still to be said of them comes before its end
      yield* entry.processes.close
      const outcome = RunOutcome.make(exit, entry.stopped, entry.plan.request.disposable)
      // first of all: on a full disk this may be the very room that the row needs
      if (outcome._tag !== "Ended" || !outcome.keep) yield* release
      const reason = RunOutcome.shutdownReason(outcome)
      // a sandbox that never began does not end
      if (entry.begun) yield* tell(entry, "shutdown", RunEvents.shutdown(yield* Moment.now, reason))
      const durationMs = (yield* Clock.currentTimeMillis) - started
      const end = yield* finish(machine, entry, outcome, durationMs, release)
      if (entry.unwritten === undefined) yield* tell(entry, "completion", RunEvents.completion({ ...end, durationMs }))
    }).pipe(Effect.ensuring(release))
  })

// a log that cannot be written (a full disk) must not keep the outcome from being known
const tell = (entry: Entry, type: string, data: Record<string, unknown>): Effect.Effect<void> =>
  entry.writer.append(type, 0, data).pipe(
    Effect.catchAll((error) => Effect.logWarning(`could not log the ${type} event: ${error.message}`))
  )

const execute = (
  { launcher, store }: Machine,
  entry: Entry
): Effect.Effect<BoxReport, RunOutcome.RunError, Scope.Scope> =>
  Effect.gen(function*() {
    const { plan, writer } = entry
    yield* store.operations.transition(plan.operationId, ["PENDING"], "ASSIGNED")
    yield* store.workspace(plan.operationId)
    yield* writer.append("init", 0, RunEvents.init(plan, yield* Moment.now))
    entry.begun = true
    if (plan.request.network === "host") yield* writer.append("network", 0, RunEvents.network())
    const cuts = { stdout: OutputCut.make(plan.request.truncateAt), stderr: OutputCut.make(plan.request.truncateAt) }
    const broken = yield* Deferred.make<never, RunOutcome.RunError>()
    const scope = yield* Effect.scope
    const report = yield* Effect.raceFirst(
      launcher.run(plan.spec, handlers(store, entry, cuts, broken, scope)),
      Deferred.await(broken)
    )
    yield* RunEvents.writeTruncated(writer, Processes.mainSpid, cuts)
    if (!report.killedFromOutside) yield* writer.append("exit", 1, RunEvents.exit(report))
    if (Option.isSome(report.sizeCap)) yield* writer.append("size_cap", 0, RunEvents.sizeCap(report.sizeCap.value))
    return report
  })

/** The box cannot be told that nobody writes its story down any more: `broken` ends it instead. */
const handlers = (
  store: Store,
  { plan, processes, writer }: Entry,
  cuts: { readonly stdout: OutputCut.OutputCut; readonly stderr: OutputCut.OutputCut },
  broken: Deferred.Deferred<never, RunOutcome.RunError>,
  scope: Scope.Scope
): Handlers => {
  const orBreak = (effect: Effect.Effect<void, StoreError | EventLogError>): Effect.Effect<void> =>
    Effect.catchAll(effect, (error) => Effect.asVoid(Deferred.fail(broken, error)))
  return {
    onSpawn: (handle) =>
      orBreak(Effect.gen(function*() {
        yield* store.operations.transition(plan.operationId, ["ASSIGNED"], "EXECUTING")
        const { request, spec } = plan
        const begun = { ...request, spec, timeoutSeconds: spec.timeoutSeconds }
        yield* writer.append("spawn", Processes.mainSpid, RunEvents.spawn(begun, handle.pid))
        const main = processes.attach(handle, (error) => Effect.asVoid(Deferred.fail(broken, error)))
        const fork = (feeding: Effect.Effect<void, EventLogError>): Effect.Effect<void> =>
          Effect.asVoid(Effect.forkIn(orBreak(feeding), scope))
        yield* LiveProcess.feedFirst(main, request, writer, fork)
      })),
    onOutput: (stream, bytes) =>
      orBreak(Effect.forEach(
        cuts[stream].take(bytes),
        (chunk) => writer.append(stream, 1, { ...chunk }),
        { discard: true }
      ))
  }
}

const usage = (outcome: RunOutcome.RunOutcome): OperationFields => {
  const report = outcome._tag === "Cancelled" ? undefined : outcome.report
  const used = report === undefined ? undefined : Option.getOrUndefined(report.resources)
  return used === undefined
    ? {}
    : { consumedCpu: (used.userTimeUs + used.sysTimeUs) / 1e6, consumedMemory: used.maxRssKb }
}

const finish = (
  machine: Machine,
  entry: Entry,
  outcome: RunOutcome.RunOutcome,
  durationMs: number,
  release: Effect.Effect<void>
): Effect.Effect<End> => {
  const fields: OperationFields = { ...usage(outcome), duration: durationMs / 1000 }
  if (outcome._tag === "Cancelled") return close(machine, entry, "CANCELLED", null, fields)
  if (outcome._tag === "Broken") return close(machine, entry, "FAILED", outcome.error, fields)
  if (!outcome.keep) return close(machine, entry, "SUCCESS", null, fields)
  return commit(machine.store, entry.plan, fields).pipe(
    Effect.catchAll((error) =>
      Effect.zipRight(
        release,
        close(machine, entry, "FAILED", `the image could not be kept: ${error.message}`, fields)
      )
    )
  )
}

/** The image and the end of its operation appear together, or neither does. */
const commit = (store: Store, plan: RunPlan, fields: OperationFields): Effect.Effect<End, StoreError> =>
  Effect.suspend(() => {
    let imageSize = 0
    return store.images.commit({
      operationId: plan.operationId,
      parent: plan.imageId,
      upper: plan.spec.upper,
      tag: Option.none(),
      env: plan.envToKeep,
      finish: (image, sizeBytes, tx) => {
        imageSize = sizeBytes
        const done = tx.transition(plan.operationId, active, "SUCCESS", {
          ...fields,
          imageSize: sizeBytes,
          resultImageId: image,
          result: JSON.stringify({ image, tag: null })
        })
        if (!done) throw new Error("the operation has ended before")
      }
    }).pipe(Effect.map((image): End => ({ status: "SUCCESS", error: null, resultImageId: image, imageSize })))
  })

const firstPauseMillis = 50
const longestPauseMillis = 2_000
// these many tries may be a lock that is held for a moment; from then on it is told
const quietTries = 3
// after the engine began to close
const lastTries = 3

const close = (
  { pause, store }: Machine,
  entry: Entry,
  status: End["status"],
  error: string | null,
  fields: OperationFields
): Effect.Effect<End> => {
  const { operationId } = entry.plan
  const end: End = { status, error, resultImageId: null, imageSize: null }
  const written: OperationFields = { ...fields, error, result: JSON.stringify({ image: null, tag: null }) }
  const write = store.operations.transition(operationId, active, status, written)
  return Effect.gen(function*() {
    let wait = firstPauseMillis
    for (let tries = 1, left = lastTries; left > 0; tries += 1) {
      const failure = yield* Effect.match(write, { onSuccess: () => undefined, onFailure: (cause) => cause })
      if (failure === undefined) return end
      if (tries === quietTries) yield* tellUnwritten(entry, { status, fields: written }, failure)
      if (!(yield* pause(wait))) left -= 1
      wait = Math.min(longestPauseMillis, wait * 2)
    }
    // the next start of an engine finds its owner gone
    yield* Effect.logError(`operation ${operationId} ended ${status}, but the store could not take that down`)
    return end
  })
}

/** Whoever asks or follows must not wait until somebody clears the disk. */
const tellUnwritten = (entry: Entry, unwritten: Unwritten, cause: StoreError): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { fields, status } = unwritten
    yield* Effect.logWarning(`the end of operation ${entry.plan.operationId} is not written yet: ${cause.message}`)
    entry.unwritten = unwritten
    const durationMs = (fields.duration ?? 0) * 1000
    yield* tell(entry, "completion", RunEvents.completion({ status, durationMs, error: fields.error }))
    yield* entry.endLog
  })
