/**
 * All runs of one engine: who may begin, who is going on, and how they end. Protocol: sections 2.3, 2.4 and 3.8.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { Launcher } from "../box/Box.js"
import type { OperationRow } from "../store/OperationStore.js"
import type { Store } from "../store/Store.js"
import type { StoreError } from "../store/StoreError.js"
import type { EventLog, EventLogError } from "./EventLog.js"
import * as Processes from "./Processes.js"
import { conflict, notFound, tooMany, unavailable } from "./Refusal.js"
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

interface Running {
  readonly entry: RunFiber.Entry
  readonly fiber: Fiber.RuntimeFiber<void>
}

const closing = unavailable("the engine is closing")

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
    const { concurrency, launcher, log, store } = options
    const running = new Map<string, Running>()
    let taken = 0
    let closed = false
    const pausing = new Set<() => void>()

    // not a race of effects: the fibers that wait here cannot be interrupted
    const pause = (millis: number): Effect.Effect<boolean> =>
      Effect.async((resume) => {
        const over = (): void => {
          clearTimeout(timer)
          pausing.delete(over)
          resume(Effect.sync(() => !closed))
        }
        const timer = setTimeout(over, millis)
        // when the engine closes the last waits are short, and served
        if (!closed) pausing.add(over)
      })

    const admit = Effect.suspend((): Effect.Effect<void, Refusal> => {
      if (closed) return Effect.fail(closing)
      if (taken >= concurrency) {
        return Effect.fail(tooMany(`${concurrency} runs are going on, which is the limit: nothing was begun`, 1))
      }
      taken += 1
      return Effect.void
    })
    const leave = Effect.sync(() => {
      taken -= 1
    })

    const stop = (run: Running, why: "cancelled" | "engine stopped"): Effect.Effect<void> =>
      Effect.suspend(() => {
        run.entry.stopped ??= why
        return Fiber.interruptFork(run.fiber)
      })

    const begin = (plan: RunPlan.RunPlan): Effect.Effect<void, Refusal | StoreError | EventLogError> =>
      Effect.uninterruptible(Effect.gen(function*() {
        const scope = yield* Scope.make()
        const started = Effect.gen(function*() {
          // first the log: an operation that can be seen has one
          const writer = yield* Scope.extend(log.create(plan.operationId), scope)
          yield* store.operations.create({
            id: plan.operationId,
            kind: "instance",
            imageId: plan.imageId,
            metadata: JSON.stringify(plan.request.echo)
          })
          const entry: RunFiber.Entry = {
            plan,
            writer,
            processes: Processes.make(plan, writer),
            endLog: Scope.close(scope, Exit.void),
            stopped: undefined,
            begun: false,
            finishing: false,
            unwritten: undefined
          }
          // in an uninterruptible region the fiber starts so: an interruption that comes at once is still answered by it
          const fiber = yield* Effect.forkDaemon(
            RunFiber.make({ store, launcher, pause }, entry).pipe(
              Effect.ensuring(Effect.sync(() => running.delete(plan.operationId))),
              Effect.ensuring(Scope.close(scope, Exit.void)),
              Effect.ensuring(leave)
            )
          )
          const run = { entry, fiber }
          running.set(plan.operationId, run)
          if (closed) yield* stop(run, "engine stopped")
        })
        yield* Effect.onError(
          started,
          () => Effect.zipRight(Scope.close(scope, Exit.void), log.remove(plan.operationId))
        )
      }))

    const spawn: Runner["spawn"] = (request) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          yield* admit
          const plan = yield* restore(RunPlan.make(store, launcher, request)).pipe(Effect.onError(() => leave))
          yield* Effect.onError(begin(plan), () => leave)
          return plan
        })
      )

    const cancel: Runner["cancel"] = (id) =>
      Effect.suspend(() => {
        const run = running.get(id)
        if (run !== undefined && !run.entry.finishing) return stop(run, "cancelled")
        return Effect.flatMap(store.operations.get(id), (row) => {
          if (Option.isNone(row)) return Effect.fail(notFound("Operation not found"))
          return Effect.fail(conflict(
            RunFiber.active.includes(row.value.status) && !row.value.owned
              ? "operation is run by another process on this store: only that one can cancel it"
              : "operation is not cancellable"
          ))
        })
      })

    const processes: Runner["processes"] = (id) =>
      Effect.suspend(() => {
        const run = running.get(id)
        if (run !== undefined) return Effect.succeed(run.entry.processes)
        return Effect.flatMap(store.operations.get(id), (row) => {
          if (Option.isNone(row)) return Effect.fail(notFound("Operation not found"))
          if (row.value.kind !== "instance") return Effect.fail(conflict("operation is no run: it has no processes"))
          return Effect.fail(
            RunFiber.active.includes(row.value.status) && !row.value.owned
              ? conflict("operation is run by another process on this store: only that one can reach its processes")
              : Subprocess.runEnded
          )
        })
      })

    const known: Runner["known"] = (row) => {
      const unwritten = RunFiber.active.includes(row.status) ? running.get(row.id)?.entry.unwritten : undefined
      if (unwritten === undefined) return row
      const { consumedCpu, consumedMemory, duration, error, result } = unwritten.fields
      return {
        ...row,
        status: unwritten.status,
        error: error ?? null,
        duration: duration ?? null,
        consumedCpu: consumedCpu ?? null,
        consumedMemory: consumedMemory ?? null,
        result: result ?? null
      }
    }

    const stopAll: Effect.Effect<void> = Effect.suspend(() => {
      closed = true
      for (const over of [...pausing]) over()
      const runs = [...running.values()]
      return Effect.forEach(runs, (run) => stop(run, "engine stopped"), { discard: true }).pipe(
        Effect.zipRight(Effect.forEach(runs, (run) => Fiber.await(run.fiber), { discard: true }))
      )
    })
    // a run that was just being begun when the door closed is stopped by who began it, and counted until then
    const close = stopAll.pipe(
      Effect.zipRight(Effect.sleep("2 millis").pipe(Effect.unless(() => taken === 0))),
      Effect.repeat({ until: () => taken === 0 }),
      // whoever closes may hold the clock still
      Effect.withClock(Clock.make()),
      Effect.asVoid
    )
    yield* Effect.addFinalizer(() => close)
    return { spawn, cancel, processes, known, running: Effect.sync(() => taken), close }
  })
