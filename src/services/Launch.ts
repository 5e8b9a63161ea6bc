/**
 * Starting an operation (a run, an import) or a process in one, so that it cannot be lost: whatever happens from the
 * moment the request leaves, either it is known and ended with the scope, or it never came to be.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Cancellation from "../internal/Cancellation.js"
import * as Insistence from "../internal/Insistence.js"
import * as Lifecycle from "../internal/ProcessLifecycle.js"
import * as RunAttempt from "../internal/RunAttempt.js"
import * as RunGate from "../internal/RunGate.js"
import { shielded } from "../internal/RunShielded.js"
import * as TimeLimit from "../internal/TimeLimit.js"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type * as Wire from "../schemas/Wire.js"
import type { CreateError } from "./ContreeApi.js"
import type { Gated } from "./Machine.js"

/**
 * What is asked for, and what to say of it.
 *
 * @internal
 */
export interface Asked<A, E> {
  readonly method: string
  /** how messages call it */
  readonly what: "run" | "import" | "process"
  /** "on this image", "in that operation", for the log */
  readonly where: string
  /** asked before the request and after it: fails once nothing may run any more */
  readonly check: Effect.Effect<void, E>
  /** sent again only after answers that say that nothing was done; see `RunAttempt` */
  readonly request: Effect.Effect<A, E>
  /** what the answer tells of, as something that can be ended; `release` gives the permit back */
  readonly lifecycle: (answer: A, release: Effect.Effect<void>) => Lifecycle.Lifecycle
}

/** A request that goes on whatever becomes of whoever asked. */
interface Asking<A, E> extends Asked<A, E> {
  readonly deps: Gated
  readonly attempt: RunAttempt.Attempt
}

const look: Readonly<Record<Asked<unknown, unknown>["what"], string>> = {
  run: "Operations.list({ status: \"Executing\" }) shows it if it did.",
  import: "Operations.list({ status: \"Executing\" }) shows it if it did.",
  process: "It ends with its run."
}

const mayGoOn = <A, E>(
  { method, what, where }: Asking<A, E>,
  happened: "was given up" | "was interrupted",
  heard = `the server did not answer within ${Duration.format(RunAttempt.grace)} whether it began`
): Effect.Effect<void> =>
  Effect.logWarning(
    `${what === "import" ? "An" : "A"} ${what} may go on: ${method} ${where} ${happened}, and ${heard}. ${look[what]}`
  )

/** nobody hears of the error any more: an interruption has none */
const mayGoOnUnheard = <A, E>(asking: Asking<A, E>, error: E): Effect.Effect<void> =>
  Errors.isContreeError(error) && error.retryable === "unknown"
    ? mayGoOn(asking, "was interrupted", `no answer came: ${error.message}`)
    : Effect.void

/** what was sent and never answered may have begun all the same */
const unanswered = <A, E>({ deps, method, what }: Asking<A, E>): Errors.TransportError =>
  new Errors.TransportError({
    method,
    code: "ETIMEDOUT",
    timeout: "request",
    retryable: "unknown",
    description: `no answer in ${Duration.format(deps.config.requestTimeout)}; the ${what} may have begun all the same`
  })

/** The answer, if it comes soon; there is no further attempt. */
const late = <A, E>(
  { attempt }: Asking<A, E>,
  answer: Fiber.RuntimeFiber<A, E>
): Effect.Effect<Option.Option<A>, E> =>
  Effect.suspend(() => {
    attempt.isLast = true
    if (!attempt.isSent) return Effect.as(Fiber.interruptFork(answer), Option.none())
    return Effect.flatMap(
      shielded(Fiber.await(answer), RunAttempt.grace),
      (came): Effect.Effect<Option.Option<A>, E> =>
        Option.isSome(came)
          ? Effect.map(came.value, Option.some)
          : Effect.as(Fiber.interruptFork(answer), Option.none())
    )
  })

/** Nobody waits any more: an answer that still comes is there to end what it tells of. */
const abandon = <A, E>(asking: Asking<A, E>, answer: Fiber.RuntimeFiber<A, E>): Effect.Effect<void> =>
  Effect.matchEffect(late(asking, answer), {
    // it never began, or nobody knows, and the caller has been told
    onFailure: () => Effect.void,
    onSuccess: (found) => {
      if (Option.isSome(found)) return asking.lifecycle(found.value, Effect.void).close
      return asking.attempt.isSent ? mayGoOn(asking, "was given up") : Effect.void
    }
  })

/**
 * Asks in a fiber of its own, so that an interruption can decide about it: a pause between two attempts is over at once,
 * for nothing has begun; a request on its way is waited for, and is the last. One whose time is over is listened to for
 * a while after the caller has been told.
 */
const ask = <A, E>(
  asking: Asking<A, E>,
  restore: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Errors.TransportError> =>
  Effect.gen(function*() {
    const { attempt, deps, request } = asking
    const answer = yield* Effect.forkDaemon(Effect.interruptible(RunAttempt.observed(request, attempt)))
    const waited = yield* Effect.exit(restore(TimeLimit.awaited(answer, deps.config.requestTimeout)))
    if (Exit.isFailure(waited)) {
      const found = yield* Effect.tapError(late(asking, answer), (error) => mayGoOnUnheard(asking, error))
      if (Option.isSome(found)) return found.value
      if (attempt.isSent) yield* mayGoOn(asking, "was interrupted")
      return yield* Effect.interrupt
    }
    if (waited.value !== undefined) return yield* waited.value
    // longer than to wait and to cancel takes
    const settle = yield* RunGate.announce(deps.gate, Duration.times(RunAttempt.grace, 2))
    yield* Effect.forkDaemon(Effect.ensuring(abandon(asking, answer), settle))
    return yield* unanswered(asking)
  })

interface Launched<A> {
  readonly answer: A
  readonly lifecycle: Lifecycle.Lifecycle
}

/**
 * Asks, and ties what comes of it with `tie`. Whoever shuts the gate waits for what is on its way, or its connection
 * would close under it.
 */
const launched = <A, E>(
  asking: Asking<A, E>,
  release: Effect.Effect<void>,
  restore: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
  tie: (lifecycle: Lifecycle.Lifecycle) => Effect.Effect<void, never, Scope.Scope>
): Effect.Effect<Launched<A>, E | Errors.TransportError, Scope.Scope> =>
  Effect.gen(function*() {
    const { attempt, check, deps } = asking
    const settled = yield* Deferred.make<void>()
    const leave = yield* deps.gate.register(Effect.suspend(() => {
      attempt.isLast = true
      // in the pause between two attempts there is nothing to wait for
      return attempt.isSent ? Effect.asVoid(shielded(Deferred.await(settled), RunAttempt.grace)) : Effect.void
    }))
    const launching = Effect.gen(function*() {
      // it may have shut while we waited for the permit
      const answer = yield* check.pipe(
        Effect.zipRight(ask(asking, restore)),
        Effect.onError(() => release)
      )
      const lifecycle = asking.lifecycle(answer, release)
      yield* tie(lifecycle)
      // it may have shut while the request was on its way
      yield* check
      return { answer, lifecycle }
    })
    return yield* Effect.ensuring(launching, Effect.zipRight(leave, Deferred.succeed(settled, undefined)))
  })

/**
 * Takes a permit, asks, and ties the operation to the scope. Interruption before the request leaves sends nothing; after
 * that, the answer is waited for (at most 10 seconds: then a warning is logged), and the operation is cancelled. The same
 * goes for a gate that shuts meanwhile.
 *
 * @internal
 */
export const launchWith = <E>(
  deps: Gated,
  asked: Omit<Asked<Ids.OperationId, E>, "lifecycle"> & { readonly what: "run" | "import" }
): Effect.Effect<Lifecycle.Lifecycle, E | Errors.RequestError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const permits = yield* restore(asked.what === "run" ? deps.limits.runs : deps.limits.imports)
      yield* restore(permits.take(1))
      const asking: Asking<Ids.OperationId, E> = {
        ...asked,
        deps,
        attempt: RunAttempt.make(),
        lifecycle: (operationId, release) =>
          Lifecycle.make({
            operationId,
            what: asked.what,
            cancel: Effect.asVoid(Cancellation.attempt(deps.api, operationId)),
            release
          })
      }
      const { lifecycle } = yield* launched(asking, permits.release(1), restore, (lifecycle) => adopt(deps, lifecycle))
      return lifecycle
    })
  )

/**
 * A run.
 *
 * @internal
 */
export const launch = (
  deps: Gated,
  method: string,
  request: Wire.InstanceSpawnRequest
): Effect.Effect<
  Lifecycle.Lifecycle,
  CreateError | Errors.RequestError | Errors.DisposableImageRunError,
  Scope.Scope
> =>
  launchWith<CreateError | Errors.DisposableImageRunError>(deps, {
    method,
    what: "run",
    where: `on ${request.image}`,
    check: deps.gate.check(method),
    request: deps.api.spawnInstance(request)
  })

type ProcessError = CreateError | Errors.ConflictError | Errors.GoneError | Errors.DisposableImageRunError

/**
 * Another process in a sandbox that runs, tied to the scope: closing that before the process has ended kills it. It
 * takes no place among the concurrent runs, of which its own sandbox has one.
 *
 * @internal
 */
export const launchIn = (
  deps: Gated,
  method: string,
  operationId: Ids.OperationId,
  request: Wire.ExecSpec
): Effect.Effect<
  { readonly spid: Ids.Spid; readonly lifecycle: Lifecycle.Lifecycle },
  ProcessError,
  Scope.Scope
> =>
  Effect.uninterruptibleMask((restore) => {
    const asking: Asking<Ids.Spid, ProcessError> = {
      deps,
      method,
      attempt: RunAttempt.make(),
      what: "process",
      where: `in operation ${operationId}`,
      check: deps.gate.check(method),
      request: deps.api.createSubprocess(operationId, request),
      lifecycle: (spid, release) =>
        Lifecycle.make({
          operationId,
          what: "process",
          cancel: Effect.catchTag(
            Insistence.insisting(deps.api.killSubprocess(operationId, spid, "KILL")),
            "ConflictError",
            () => Effect.void
          ),
          release
        })
    }
    // not registered with the gate: the run that it is in is
    const tie = (lifecycle: Lifecycle.Lifecycle) => Effect.addFinalizer(() => lifecycle.close)
    return Effect.map(launched(asking, Effect.void, restore, tie), ({ answer, lifecycle }) => ({
      spid: answer,
      lifecycle
    }))
  })

/**
 * Ties an operation to the scope, and to the gate: where that is shut already, `late` decides what becomes of it.
 *
 * @internal
 */
export const adopt = (
  { gate }: Pick<Gated, "gate">,
  lifecycle: Lifecycle.Lifecycle,
  late: Effect.Effect<void> = lifecycle.close
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.uninterruptible(Effect.gen(function*() {
    // finalizers go backwards: the gate knows of it until its cancellation is over
    const scope = yield* Effect.scope
    const leave = yield* gate.register(lifecycle.close)
    yield* Scope.addFinalizer(scope, leave)
    yield* Scope.addFinalizer(scope, lifecycle.close)
    if (!gate.isOpen()) yield* late
  }))
