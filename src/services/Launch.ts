/**
 * Starting a run, or a process in one, so that it cannot be lost: whatever happens from the moment the request leaves,
 * either it is known and ended with the scope, or it never came to be.
 *
 * @since 0.1.0
 */
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

/** How long an interruption waits for the answer to a request that is on its way. */
const answerTimeout = Duration.seconds(10)

/** What is asked for, and what to say of it. */
interface Asked<A, E> {
  readonly method: string
  readonly ask: Effect.Effect<A, E>
  /** "a run", as warnings name it */
  readonly what: string
  /** where it runs, in words */
  readonly where: string
  /** where to look for what may have begun */
  readonly look: string
}

/** One answer's time for one request: what was sent and never answered may have begun all the same. */
const bounded = <A, E>(
  { config }: Pick<Gated, "config">,
  { ask, method, what }: Asked<A, E>
): Effect.Effect<A, E | Errors.TransportError> =>
  Effect.timeoutFail(ask, {
    duration: config.requestTimeout,
    onTimeout: () =>
      new Errors.TransportError({
        method,
        retryable: "unknown",
        description: `no answer in ${Duration.format(config.requestTimeout)}; the ${what} may have begun all the same`
      })
  })

const abandoned = ({ look, method, what, where }: Asked<unknown, unknown>): Effect.Effect<never> =>
  Effect.zipRight(
    Effect.logWarning(
      `A ${what} may go on: ${method} ${where} was interrupted, and the server did not answer within ${
        Duration.format(answerTimeout)
      } whether it began. ${look}`
    ),
    Effect.interrupt
  )

/**
 * Asks for it in a fiber of its own, so that an interruption can decide about it: a pause between two attempts is over
 * at once, for nothing has begun; a request on its way is waited for, and is the last.
 */
const spawn = <A, E>(
  deps: Pick<Gated, "config">,
  asked: Asked<A, E>,
  restore: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Errors.TransportError> =>
  Effect.gen(function*() {
    const attempt = RunAttempt.make()
    const asking = yield* Effect.forkDaemon(
      Effect.interruptible(RunAttempt.observed(bounded(deps, asked), attempt))
    )
    const answer = yield* Effect.exit(restore(Fiber.await(asking)))
    if (Exit.isSuccess(answer)) return yield* answer.value
    attempt.isLast = true
    if (attempt.isSent) {
      const late = yield* shielded(Fiber.await(asking), answerTimeout)
      if (Option.isSome(late)) return yield* late.value
    }
    yield* Fiber.interruptFork(asking)
    return yield* attempt.isSent ? abandoned(asked) : Effect.interrupt
  })

/**
 * Takes a permit, asks for the run, and ties it to the scope. Interruption before the request leaves sends nothing;
 * after that, the answer is waited for (at most 10 seconds: then a warning is logged), and the run is cancelled.
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
      // it may have shut while we waited for the permit
      const operationId = yield* deps.gate.check(method).pipe(
        Effect.zipRight(spawn(deps, {
          method,
          ask: deps.api.spawnInstance(request),
          what: "run",
          where: `on ${request.image}`,
          look: "Operations.list({ status: \"Executing\" }) shows it if it did."
        }, restore)),
        Effect.onError(() => release)
      )
      const lifecycle = Lifecycle.make({ operationId, cancel: deps.api.cancelOperation(operationId), release })
      yield* adopt(deps, lifecycle)
      // it may have shut while the request was on its way
      yield* deps.gate.check(method)
      return lifecycle
    })
  )

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
  CreateError | Errors.ConflictError | Errors.GoneError | Errors.DisposableImageRunError,
  Scope
> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      yield* deps.gate.check(method)
      const spid = yield* spawn(deps, {
        method,
        ask: deps.api.createSubprocess(operationId, request),
        what: "process",
        where: `in operation ${operationId}`,
        look: "It ends with its run."
      }, restore)
      const lifecycle = Lifecycle.make({
        operationId,
        cancel: deps.api.killSubprocess(operationId, spid, "KILL"),
        release: Effect.void,
        what: "process"
      })
      // not registered with the gate: the run that it is in is
      yield* Effect.addFinalizer(() => lifecycle.close)
      return { spid, lifecycle }
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
