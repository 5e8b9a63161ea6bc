/**
 * Starting an operation, a run or an import, so that it cannot be lost: whatever happens from the moment the request
 * leaves, either its operation is known and cancelled with the scope, or it never came to be.
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

/**
 * What is asked for.
 *
 * @internal
 */
export interface Asked<E> {
  readonly method: string
  /** what the permits are for, and how messages call it */
  readonly what: "run" | "import"
  /** the image, for the log */
  readonly of: string
  /** asked before the request and after it: fails once nothing may run any more */
  readonly check: Effect.Effect<void, E>
  /** sent again only after answers that say that nothing was done; see `RunAttempt` */
  readonly request: Effect.Effect<Ids.OperationId, E>
}

/** One answer's time for one request: what was sent and never answered may have begun all the same. */
const bounded = <E>(
  { config }: Gated,
  { method, request, what }: Asked<E>
): Effect.Effect<Ids.OperationId, E | Errors.TransportError> =>
  Effect.timeoutFail(request, {
    duration: config.requestTimeout,
    onTimeout: () =>
      new Errors.TransportError({
        method,
        retryable: "unknown",
        description: `no answer in ${Duration.format(config.requestTimeout)}; the ${what} may have begun all the same`
      })
  })

const abandoned = <E>(asked: Asked<E>): Effect.Effect<never> =>
  Effect.zipRight(
    Effect.logWarning(
      `${asked.what === "run" ? "A run" : "An import"} may go on: ${asked.method} on ${asked.of} was interrupted, and ` +
        `the server did not answer within ${Duration.format(answerTimeout)} whether it began. ` +
        "Operations.list({ status: \"Executing\" }) shows it if it did."
    ),
    Effect.interrupt
  )

/**
 * Asks in a fiber of its own, so that an interruption can decide about it: a pause between two attempts is over at once,
 * for nothing has begun; a request on its way is waited for, and is the last.
 */
const ask = <E>(
  deps: Gated,
  asked: Asked<E>,
  restore: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<Ids.OperationId, E | Errors.TransportError> =>
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
 * Takes a permit, asks, and ties the operation to the scope. Interruption before the request leaves sends nothing; after
 * that, the answer is waited for (at most 10 seconds: then a warning is logged), and the operation is cancelled.
 *
 * @internal
 */
export const launchWith = <E>(
  deps: Gated,
  asked: Asked<E>
): Effect.Effect<Lifecycle.Lifecycle, E | Errors.RequestError, Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const permits = yield* restore(asked.what === "run" ? deps.limits.runs : deps.limits.imports)
      yield* restore(permits.take(1))
      const release = permits.release(1)
      // it may have shut while we waited for the permit
      const operationId = yield* asked.check.pipe(
        Effect.zipRight(ask(deps, asked, restore)),
        Effect.onError(() => release)
      )
      const lifecycle = Lifecycle.make({
        operationId,
        what: asked.what,
        cancel: deps.api.cancelOperation(operationId),
        release
      })
      yield* adopt(deps, lifecycle)
      // it may have shut while the request was on its way
      yield* asked.check
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
  Scope
> =>
  launchWith<CreateError | Errors.DisposableImageRunError>(deps, {
    method,
    what: "run",
    of: request.image,
    check: deps.gate.check(method),
    request: deps.api.spawnInstance(request)
  })

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
