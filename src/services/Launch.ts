/**
 * Starting a run so that it cannot be lost: whatever happens from the moment the request leaves, either its operation is
 * known and cancelled with the scope, or it never came to be.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import * as Lifecycle from "../internal/ProcessLifecycle.js"
import * as RunAttempt from "../internal/RunAttempt.js"
import { shielded } from "../internal/RunShielded.js"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type * as Wire from "../schemas/Wire.js"
import type { CreateError } from "./ContreeApi.js"
import type { Gated } from "./Machine.js"

/** A request that somebody has asked for, and that goes on whatever becomes of whoever asked. */
interface Asking {
  readonly deps: Gated
  readonly method: string
  readonly request: Wire.InstanceSpawnRequest
  readonly attempt: RunAttempt.Attempt
}

const mayGoOn = ({ method, request }: Asking, why: string): Effect.Effect<void> =>
  Effect.logWarning(
    `A run may go on: ${method} on ${request.image} ${why}, and the server did not answer within ${
      Duration.format(RunAttempt.grace)
    } whether it began. Operations.list({ status: "Executing" }) shows it if it did.`
  )

/** what was sent and never answered may have begun all the same */
const unanswered = ({ deps, method }: Asking): Errors.TransportError =>
  new Errors.TransportError({
    method,
    code: "ETIMEDOUT",
    timeout: "request",
    retryable: "unknown",
    description: `no answer in ${Duration.format(deps.config.requestTimeout)}; the run may have begun all the same`
  })

type Answer = Fiber.RuntimeFiber<Ids.OperationId, CreateError>

/** The answer, if it comes soon; there is no further attempt. */
const late = ({ attempt }: Asking, answer: Answer): Effect.Effect<Option.Option<Ids.OperationId>, CreateError> =>
  Effect.suspend(() => {
    attempt.isLast = true
    if (!attempt.isSent) return Effect.as(Fiber.interruptFork(answer), Option.none())
    return Effect.flatMap(
      shielded(Fiber.await(answer), RunAttempt.grace),
      (came): Effect.Effect<Option.Option<Ids.OperationId>, CreateError> =>
        Option.isSome(came)
          ? Effect.map(came.value, (operationId) => Option.some(operationId))
          : Effect.as(Fiber.interruptFork(answer), Option.none())
    )
  })

/** Nobody waits for the run any more: an answer that still comes is there to end it. */
const abandon = (asking: Asking, answer: Answer): Effect.Effect<void> =>
  Effect.matchEffect(late(asking, answer), {
    // it never began, or nobody knows, and the caller has been told
    onFailure: () => Effect.void,
    onSuccess: (found) => {
      if (Option.isNone(found)) return asking.attempt.isSent ? mayGoOn(asking, "was given up") : Effect.void
      const cancel = asking.deps.api.cancelOperation(found.value)
      return Lifecycle.make({ operationId: found.value, cancel, release: Effect.void }).close
    }
  })

/**
 * Asks for the run in a fiber of its own, so that an interruption can decide about it: a pause between two attempts is
 * over at once, for nothing has begun; a request on its way is waited for, and is the last. One whose time is over is
 * listened to for a while after the caller has been told.
 */
const spawn = (
  asking: Asking,
  restore: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<Ids.OperationId, CreateError> =>
  Effect.gen(function*() {
    const { attempt, deps, request } = asking
    const answer = yield* Effect.forkDaemon(
      Effect.interruptible(RunAttempt.observed(deps.api.spawnInstance(request), attempt))
    )
    // a timeout needs to interrupt, which the caller may not allow
    const waiting = yield* Effect.forkDaemon(
      Effect.interruptible(Effect.timeoutOption(Fiber.await(answer), deps.config.requestTimeout))
    )
    const waited = yield* Effect.exit(restore(Fiber.await(waiting)))
    if (Exit.isFailure(waited)) {
      yield* Fiber.interruptFork(waiting)
      const found = yield* late(asking, answer)
      if (Option.isSome(found)) return found.value
      if (attempt.isSent) yield* mayGoOn(asking, "was interrupted")
      return yield* Effect.interrupt
    }
    const inTime = yield* waited.value
    if (Option.isSome(inTime)) return yield* inTime.value
    yield* Effect.forkDaemon(abandon(asking, answer))
    return yield* unanswered(asking)
  })

/**
 * Takes a permit, asks for the run, and ties it to the scope. Interruption before the request leaves sends nothing;
 * after that, the answer is waited for (at most 10 seconds: then a warning is logged), and the run is cancelled. The same
 * goes for a gate that shuts meanwhile.
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
  Scope
> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const permits = yield* restore(deps.limits.runs)
      yield* restore(permits.take(1))
      const release = permits.release(1)
      const asking = { deps, method, request, attempt: RunAttempt.make() }
      const settled = yield* Deferred.make<void>()
      // whoever shuts the gate waits for what is on its way, or its connection would close under it
      const leave = yield* deps.gate.register(Effect.suspend(() => {
        asking.attempt.isLast = true
        return Effect.asVoid(shielded(Deferred.await(settled), RunAttempt.grace))
      }))
      const launched = Effect.gen(function*() {
        // it may have shut while we waited for the permit
        const operationId = yield* deps.gate.check(method).pipe(
          Effect.zipRight(spawn(asking, restore)),
          Effect.onError(() => release)
        )
        const lifecycle = Lifecycle.make({ operationId, cancel: deps.api.cancelOperation(operationId), release })
        yield* adopt(deps, lifecycle)
        // it may have shut while the request was on its way
        yield* deps.gate.check(method)
        return lifecycle
      })
      return yield* Effect.ensuring(launched, Effect.zipRight(leave, Deferred.succeed(settled, undefined)))
    })
  )

/**
 * Ties an operation to the scope, and to the gate: one that is shut closes it at once.
 *
 * @internal
 */
export const adopt = (
  { gate }: Pick<Gated, "gate">,
  lifecycle: Lifecycle.Lifecycle
): Effect.Effect<void, never, Scope> =>
  Effect.uninterruptible(Effect.gen(function*() {
    yield* Effect.addFinalizer(() => lifecycle.close)
    const leave = yield* gate.register(lifecycle.close)
    yield* Effect.addFinalizer(() => leave)
    if (!gate.isOpen()) yield* lifecycle.close
  }))
