/**
 * One run from its row to its last event. Only the box can be interrupted; what comes after it is done whatever happens,
 * once. Protocol: sections 3.8 and 4.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { BoxHandle, Handlers, Launcher } from "../box/Box.js"
import type { BoxReport } from "../box/BoxReport.js"
import type { OperationFields } from "../store/OperationStore.js"
import type { Store } from "../store/Store.js"
import type { StoreError } from "../store/StoreError.js"
import type { EventLogError, Writer } from "./EventLog.js"
import * as Moment from "./Moment.js"
import * as OutputCut from "./OutputCut.js"
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
  stopped: RunOutcome.Stopped
  /** Its `init` event is written. */
  begun: boolean
  /** From here on the outcome is being written down, and nobody can change it any more. */
  finishing: boolean
}

interface Machine {
  readonly store: Store
  readonly launcher: Launcher
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
  Effect.scoped(Effect.gen(function*() {
    const started = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(Effect.interruptible(execute(machine, entry)))
    entry.finishing = true
    const outcome = RunOutcome.make(exit, entry.stopped, entry.plan.request.disposable)
    const reason = RunOutcome.shutdownReason(outcome)
    // a sandbox that never began does not end
    if (entry.begun) yield* tell(entry, "shutdown", RunEvents.shutdown(yield* Moment.now, reason))
    const durationMs = (yield* Clock.currentTimeMillis) - started
    const end = yield* finish(machine, entry.plan, outcome, durationMs)
    yield* tell(entry, "completion", RunEvents.completion({ ...end, durationMs }))
  }))

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
    for (const stream of ["stdout", "stderr"] as const) {
      const cut = cuts[stream]
      if (cut.dropped() > 0) yield* writer.append("truncated", 1, RunEvents.truncated(stream, cut))
    }
    if (!report.killedFromOutside) yield* writer.append("exit", 1, RunEvents.exit(report))
    if (Option.isSome(report.sizeCap)) yield* writer.append("size_cap", 0, RunEvents.sizeCap(report.sizeCap.value))
    return report
  })

/** The box cannot be told that nobody writes its story down any more: `broken` ends it instead. */
const handlers = (
  store: Store,
  { plan, writer }: Entry,
  cuts: { readonly stdout: OutputCut.OutputCut; readonly stderr: OutputCut.OutputCut },
  broken: Deferred.Deferred<never, RunOutcome.RunError>,
  scope: Scope.Scope
): Handlers => {
  const orBreak = (effect: Effect.Effect<void, StoreError | EventLogError>): Effect.Effect<void> =>
    Effect.catchAll(effect, (error) => Effect.asVoid(Deferred.fail(broken, error)))
  const feed = (handle: BoxHandle): Effect.Effect<void> =>
    plan.request.stdin === "open" && plan.request.firstInput.length > 0
      // a command that does not read must not hold up its own output
      ? Effect.asVoid(Effect.forkIn(Effect.ignore(handle.writeStdin(plan.request.firstInput, false)), scope))
      : Effect.void
  return {
    onSpawn: (handle) =>
      orBreak(Effect.gen(function*() {
        yield* store.operations.transition(plan.operationId, ["ASSIGNED"], "EXECUTING")
        yield* writer.append("spawn", 1, RunEvents.spawn(plan, handle.pid))
        for (const chunk of RunEvents.stdin(plan)) yield* writer.append("stdin", 1, { ...chunk })
        yield* feed(handle)
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

// a lock that is held for a moment, or a disk that somebody is just clearing
const patience = Schedule.exponential("50 millis").pipe(Schedule.intersect(Schedule.recurs(8)))

const finish = (
  machine: Machine,
  plan: RunPlan,
  outcome: RunOutcome.RunOutcome,
  durationMs: number
): Effect.Effect<End> => {
  const fields: OperationFields = { ...usage(outcome), duration: durationMs / 1000 }
  if (outcome._tag === "Cancelled") return close(machine.store, plan, "CANCELLED", null, fields)
  if (outcome._tag === "Broken") return close(machine.store, plan, "FAILED", outcome.error, fields)
  if (!outcome.keep) return close(machine.store, plan, "SUCCESS", null, fields)
  return commit(machine.store, plan, fields).pipe(
    Effect.catchAll((error) =>
      close(machine.store, plan, "FAILED", `the image could not be kept: ${error.message}`, fields)
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

const close = (
  store: Store,
  plan: RunPlan,
  status: End["status"],
  error: string | null,
  fields: OperationFields
): Effect.Effect<End> => {
  const end: End = { status, error, resultImageId: null, imageSize: null }
  const result = JSON.stringify({ image: null, tag: null })
  return store.operations.transition(plan.operationId, active, status, { ...fields, error, result }).pipe(
    Effect.retry(patience),
    Effect.catchAll((cause) =>
      // the row says that it goes on until the next start of the engine finds its owner gone
      Effect.logError(`the end of operation ${plan.operationId} could not be written: ${cause.message}`)
    ),
    Effect.as(end)
  )
}
