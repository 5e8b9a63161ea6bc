/**
 * All runs of one engine: who may begin, who is going on, and how they end. Protocol: sections 2.3, 2.4 and 3.8.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Launcher } from "../box/Box.js"
import type { OperationRow } from "../store/OperationStore.js"
import type { Store } from "../store/Store.js"
import type { StoreError } from "../store/StoreError.js"
import * as Crew from "./Crew.js"
import * as Ending from "./Ending.js"
import type { EventLog } from "./EventLog.js"
import type { EventLogError } from "./EventLogError.js"
import * as Processes from "./Processes.js"
import { conflict, notFound } from "./Refusal.js"
import type { Refusal } from "./Refusal.js"
import * as RunFiber from "./RunFiber.js"
import * as RunPlan from "./RunPlan.js"
import type { RunRequest } from "./RunRequest.js"
import * as Subprocess from "./Subprocess.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Runner {
  /**
   * Begins a run, or refuses it with nothing begun. Once begun it goes on whatever becomes of the caller.
   */
  readonly spawn: (request: RunRequest) => Effect.Effect<RunPlan.RunPlan, Refusal | StoreError | EventLogError>
  /** Asks for the end of a run; 404 and 409 when there is none to end. After success it ends CANCELLED, and as nothing else. */
  readonly cancel: (id: string) => Effect.Effect<void, Refusal | StoreError>
  /** The processes of a run that goes on here; 404 and 409 when there is none. */
  readonly processes: (id: string) => Effect.Effect<Processes.Processes, Refusal | StoreError>
  /**
   * A row as it is known here: an operation that ended while the store could not take that down has ended all the same.
   */
  readonly known: (row: OperationRow) => OperationRow
  /** Runs that have begun and not ended. */
  readonly running: Effect.Effect<number>
  /** Ends every run and waits for it; begins no more. */
  readonly close: Effect.Effect<void>
}

/**
 * Closing the scope closes the runner.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly store: Store
  readonly launcher: Launcher
  readonly log: EventLog
  /** How many at once; one more is 429. */
  readonly concurrency: number
}): Effect.Effect<Runner, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { launcher, store } = options
    const crew = yield* Crew.make<RunFiber.Entry>({ ...options, what: "runs" })

    const begin = (plan: RunPlan.RunPlan): Effect.Effect<void, StoreError | EventLogError> =>
      crew.begin(
        {
          id: plan.operationId,
          kind: "instance",
          imageId: plan.imageId,
          metadata: JSON.stringify(plan.request.echo)
        },
        (bare) => ({ ...bare, plan, processes: Processes.make(plan, bare.writer), begun: false }),
        (entry) => RunFiber.make({ store, launcher, pause: crew.pause }, entry)
      )

    const spawn: Runner["spawn"] = (request) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          yield* crew.admit
          const plan = yield* restore(RunPlan.make(store, launcher, request)).pipe(Effect.onError(() => crew.leave))
          yield* Effect.onError(begin(plan), () => crew.leave)
          return plan
        })
      )

    const cancel: Runner["cancel"] = (id) =>
      Effect.flatMap(crew.cancel(id), (done) => done ? Effect.void : refuseCancel(store, id))

    const processes: Runner["processes"] = (id) =>
      Effect.suspend(() => {
        const entry = crew.find(id)
        return entry === undefined ? refuseProcesses(store, id) : Effect.succeed(entry.processes)
      })

    return { spawn, cancel, processes, known: crew.known, running: crew.running, close: crew.close }
  })

const isElsewhere = (row: OperationRow): boolean => Ending.active.includes(row.status) && !row.owned

const refuseCancel = (store: Store, id: string): Effect.Effect<never, Refusal | StoreError> =>
  Effect.flatMap(store.operations.get(id), (row) => {
    if (Option.isNone(row)) return Effect.fail(notFound("Operation not found"))
    return Effect.fail(conflict(
      isElsewhere(row.value)
        ? "operation is run by another process on this store: only that one can cancel it"
        : "operation is not cancellable"
    ))
  })

const refuseProcesses = (store: Store, id: string): Effect.Effect<never, Refusal | StoreError> =>
  Effect.flatMap(store.operations.get(id), (row) => {
    if (Option.isNone(row)) return Effect.fail(notFound("Operation not found"))
    if (row.value.kind !== "instance") return Effect.fail(conflict("operation is no run: it has no processes"))
    return Effect.fail(
      isElsewhere(row.value)
        ? conflict("operation is run by another process on this store: only that one can reach its processes")
        : Subprocess.runEnded
    )
  })
