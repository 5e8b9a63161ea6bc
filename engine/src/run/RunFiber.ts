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
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { Handlers, Launcher } from "../box/Box.js"
import type { BoxReport } from "../box/BoxReport.js"
import type { OperationFields } from "../store/OperationStore.js"
import type { Store } from "../store/Store.js"
import type { StoreError } from "../store/StoreError.js"
import { withoutPaths } from "../store/StoreError.js"
import type * as Crew from "./Crew.js"
import * as Ending from "./Ending.js"
import type { EventLogError } from "./EventLogError.js"
import * as LiveProcess from "./LiveProcess.js"
import * as Moment from "./Moment.js"
import * as OutputCut from "./OutputCut.js"
import * as Processes from "./Processes.js"
import * as RunEvents from "./RunEvents.js"
import * as RunOutcome from "./RunOutcome.js"
import type { RunPlan } from "./RunPlan.js"

/**
 * A run that is going on.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry extends Crew.Entry {
  readonly plan: RunPlan
  readonly processes: Processes.Processes
  /** Its `init` event is written. */
  begun: boolean
}

interface Machine extends Ending.Machine {
  readonly launcher: Launcher
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
      const outcome = RunOutcome.make(exit, entry.stopped, {
        disposable: entry.plan.request.disposable,
        store: machine.store.path
      })
      if (outcome._tag === "Broken" && outcome.detail !== undefined) yield* tellOwner(entry, outcome.detail)
      // a run that went wrong first of all: on a full disk this may be the very room that the row needs
      if (outcome._tag !== "Ended") yield* release
      const removing = yield* Effect.fork(outcome._tag === "Ended" && outcome.keep ? Effect.void : soon(release))
      const reason = RunOutcome.shutdownReason(outcome)
      // a sandbox that never began does not end
      if (entry.begun) yield* Ending.tell(entry, "shutdown", RunEvents.shutdown(yield* Moment.now, reason))
      const durationMs = (yield* Clock.currentTimeMillis) - started
      const end = yield* finish(machine, entry, outcome, durationMs, release)
      if (entry.unwritten === undefined) yield* Ending.complete(entry, { ...end, durationMs })
      yield* Fiber.join(removing)
    }).pipe(Effect.ensuring(release))
  })

/** In full: whoever reads the operation sees no paths of the host. */
const tellOwner = ({ plan }: Entry, detail: string): Effect.Effect<void> =>
  Effect.logWarning(`operation ${plan.operationId} failed: ${detail}`)

const removalDelay = "10 millis"

/**
 * Removing folders makes Node wait for the disk: not before whoever waits for the run has its end, and never because of
 * that end, which a full disk takes only when there is room again.
 */
const soon = (release: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.delay(release, removalDelay).pipe(
    // whoever closes may hold the clock still
    Effect.withClock(Clock.make())
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
): Effect.Effect<Ending.End> => {
  const fields: OperationFields = { ...usage(outcome), duration: durationMs / 1000 }
  if (outcome._tag === "Cancelled") return Ending.close(machine, entry, "CANCELLED", null, fields)
  if (outcome._tag === "Broken") return Ending.close(machine, entry, "FAILED", outcome.error, fields)
  if (!outcome.keep) return Ending.close(machine, entry, "SUCCESS", null, fields)
  return commit(machine.store, entry.plan, fields).pipe(
    Effect.catchAll((error) => {
      const detail = `the image could not be kept: ${error.message}`
      return release.pipe(
        Effect.zipRight(tellOwner(entry, detail)),
        Effect.zipRight(Ending.close(machine, entry, "FAILED", withoutPaths(detail, machine.store.path), fields))
      )
    })
  )
}

/** The image and the end of its operation appear together, or neither does. */
const commit = (store: Store, plan: RunPlan, fields: OperationFields): Effect.Effect<Ending.End, StoreError> =>
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
        const done = tx.transition(plan.operationId, Ending.active, "SUCCESS", {
          ...fields,
          imageSize: sizeBytes,
          resultImageId: image,
          result: JSON.stringify({ image, tag: null })
        })
        if (!done) throw new Error("the operation has ended before")
      }
    }).pipe(Effect.map((image): Ending.End => ({ status: "SUCCESS", error: null, resultImageId: image, imageSize })))
  })
