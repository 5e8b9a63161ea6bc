/**
 * The operations of one kind that go on in an engine: who may begin, how each is stopped, and how all end.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { NewOperation, OperationRow } from "../store/OperationStore.js"
import type { Store } from "../store/Store.js"
import type { StoreError } from "../store/StoreError.js"
import * as Ending from "./Ending.js"
import type { EventLog } from "./EventLog.js"
import type { EventLogError } from "./EventLogError.js"
import * as Pauses from "./Pauses.js"
import { conflict, tooMany, unavailable } from "./Refusal.js"
import type { Refusal } from "./Refusal.js"

/**
 * Who ended an operation before its time: a client by cancelling, or the engine by closing.
 *
 * @since 0.1.0
 * @category models
 */
export type Stopped = "cancelled" | "engine stopped" | undefined

/**
 * An operation that goes on.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry extends Ending.Operation {
  stopped: Stopped
  /** From here on the outcome is being written down, and nobody can change it any more. */
  finishing: boolean
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Crew<A extends Entry> {
  /** A place, or 429 and 503; each that is given is to be taken by `begin`, or handed back by `leave`. */
  readonly admit: Effect.Effect<void, Refusal>
  readonly leave: Effect.Effect<void>
  /**
   * Makes the log, the row and the fiber of an operation, in this order, all or none; the place of `admit` goes with its
   * end, or before. `entry` adds what is its kind's own; `run` is forked where it cannot be interrupted, and never fails.
   */
  readonly begin: (
    operation: NewOperation,
    entry: (bare: Entry) => A,
    run: (entry: A) => Effect.Effect<void>
  ) => Effect.Effect<void, StoreError | EventLogError>
  readonly find: (id: string) => A | undefined
  /** Asks for the end of an operation. False: none of this id goes on here. 409: its outcome is being written down. */
  readonly cancel: (id: string) => Effect.Effect<boolean, Refusal>
  /** A row as it is known here: what ended while the store could not take that down has ended all the same. */
  readonly known: (row: OperationRow) => OperationRow
  /** What has begun and not ended. */
  readonly running: Effect.Effect<number>
  /** Waits so long, or until the crew closes: then `false`. Cannot be interrupted. */
  readonly pause: (millis: number) => Effect.Effect<boolean>
  /** Ends all and waits for it; lets nobody begin any more. */
  readonly close: Effect.Effect<void>
}

interface Running<A> {
  readonly entry: A
  readonly fiber: Fiber.RuntimeFiber<void>
}

/**
 * Closing the scope closes the crew. `what` is the plural that refusals speak of.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A extends Entry>(options: {
  readonly what: string
  readonly store: Store
  readonly log: EventLog
  readonly concurrency: number
}): Effect.Effect<Crew<A>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { concurrency, log, store, what } = options
    const all = new Map<string, Running<A>>()
    let taken = 0
    let closed = false
    const pauses = Pauses.make()

    const admit = Effect.suspend((): Effect.Effect<void, Refusal> => {
      if (closed) return Effect.fail(unavailable("the engine is closing"))
      if (taken >= concurrency) {
        return Effect.fail(tooMany(`${concurrency} ${what} are going on, which is the limit: nothing was begun`, 1))
      }
      taken += 1
      return Effect.void
    })
    const leave = Effect.sync(() => {
      taken -= 1
    })
    const leaveOnce = (): Effect.Effect<void> => {
      let left = false
      return Effect.suspend(() => {
        if (left) return Effect.void
        left = true
        return leave
      })
    }

    const stop = ({ entry, fiber }: Running<A>, why: Exclude<Stopped, undefined>): Effect.Effect<void> =>
      Effect.suspend(() => {
        entry.stopped ??= why
        return Fiber.interruptFork(fiber)
      })

    const begin: Crew<A>["begin"] = (operation, entryOf, run) =>
      Effect.uninterruptible(Effect.gen(function*() {
        const { id } = operation
        const scope = yield* Scope.make()
        const endLog = Scope.close(scope, Exit.void)
        const started = Effect.gen(function*() {
          // first the log: an operation that can be seen has one
          const writer = yield* Scope.extend(log.create(id), scope)
          yield* store.operations.create(operation)
          const entry = entryOf({
            operationId: id,
            writer,
            endLog,
            leave: leaveOnce(),
            stopped: undefined,
            finishing: false,
            unwritten: undefined
          })
          // in an uninterruptible region the fiber starts so: an interruption that comes at once is still answered by it
          const fiber = yield* Effect.forkDaemon(
            run(entry).pipe(
              Effect.ensuring(Effect.sync(() => all.delete(id))),
              Effect.ensuring(endLog),
              Effect.ensuring(entry.leave)
            )
          )
          const running = { entry, fiber }
          all.set(id, running)
          if (closed) yield* stop(running, "engine stopped")
        })
        yield* Effect.onError(started, () => Effect.zipRight(endLog, log.remove(id)))
      }))

    const stopAll = Effect.suspend(() => {
      closed = true
      pauses.end()
      const running = [...all.values()]
      return Effect.forEach(running, (one) => stop(one, "engine stopped"), { discard: true }).pipe(
        Effect.zipRight(Effect.forEach(running, ({ fiber }) => Fiber.await(fiber), { discard: true }))
      )
    })
    const isEmpty = (): boolean => taken === 0 && all.size === 0
    // one that was just being begun when the door closed is stopped by who began it, and counted until then
    const close = stopAll.pipe(
      Effect.zipRight(Effect.sleep("2 millis").pipe(Effect.unless(isEmpty))),
      Effect.repeat({ until: isEmpty }),
      // whoever closes may hold the clock still
      Effect.withClock(Clock.make()),
      Effect.asVoid
    )
    yield* Effect.addFinalizer(() => close)

    return {
      admit,
      leave,
      begin,
      find: (id) => all.get(id)?.entry,
      cancel: (id) =>
        Effect.suspend((): Effect.Effect<boolean, Refusal> => {
          const running = all.get(id)
          if (running === undefined) return Effect.succeed(false)
          return running.entry.finishing
            ? Effect.fail(conflict("operation is not cancellable"))
            : Effect.as(stop(running, "cancelled"), true)
        }),
      known: (row) => Ending.known(row, all.get(row.id)?.entry.unwritten),
      running: Effect.sync(() => taken),
      pause: pauses.pause,
      close
    }
  })
