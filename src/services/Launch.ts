/**
 * Starting a run so that it cannot be lost: whatever happens from the moment the request leaves, either its operation is
 * known and cancelled with the scope, or it never came to be.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import * as Lifecycle from "../internal/ProcessLifecycle.js"
import * as RunGate from "../internal/RunGate.js"
import { shielded } from "../internal/RunShielded.js"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type * as Wire from "../schemas/Wire.js"
import type { CreateError } from "./ContreeApi.js"
import type { Gated } from "./Machine.js"

/** one answer's time for one request: what was sent and never answered may have begun all the same */
const spawn = (
  { api, config }: Gated,
  method: string,
  request: Wire.InstanceSpawnRequest
): Effect.Effect<Ids.OperationId, CreateError> =>
  Effect.flatMap(
    shielded(api.spawnInstance(request), config.requestTimeout),
    Option.match({
      onSome: Effect.succeed,
      onNone: () =>
        Effect.fail(
          new Errors.TransportError({
            method,
            retryable: "unknown",
            description: `no answer in ${Duration.format(config.requestTimeout)}; the run may have begun all the same`
          })
        )
    })
  )

/**
 * Takes a permit, asks for the run, and ties it to the scope. Interruption before the request leaves sends nothing;
 * after that, the answer is waited for (as long as `requestTimeout`), and then the run is cancelled.
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
        Effect.zipRight(spawn(deps, method, request)),
        Effect.onError(() => release)
      )
      const lifecycle = Lifecycle.make({ operationId, cancel: deps.api.cancelOperation(operationId), release })
      return yield* adopt(deps, method, lifecycle)
    })
  )

/**
 * Ties an operation to the scope, and to the gate.
 *
 * @internal
 */
export const adopt = (
  { gate }: Pick<Gated, "gate">,
  method: string,
  lifecycle: Lifecycle.Lifecycle
): Effect.Effect<Lifecycle.Lifecycle, Errors.DisposableImageRunError, Scope> =>
  Effect.uninterruptible(Effect.gen(function*() {
    yield* Effect.addFinalizer(() => lifecycle.close)
    const leave = yield* gate.register(lifecycle.close)
    yield* Effect.addFinalizer(() => leave)
    // it may have shut while the request was on its way
    if (!gate.isOpen()) {
      yield* lifecycle.close
      return yield* RunGate.shutError(method)
    }
    return lifecycle
  }))
