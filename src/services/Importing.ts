/**
 * One import from its request to its image.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import { scrubError } from "../internal/CredentialScrub.js"
import type { Lifecycle } from "../internal/ProcessLifecycle.js"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type { KeptImage } from "./Image.js"
import * as ImageHandle from "./ImageHandle.js"
import type * as ImportPlan from "./ImportPlan.js"
import { launchWith } from "./Launch.js"
import type { Gated } from "./Machine.js"
import * as Views from "./ProcessViews.js"

/**
 * An import that the server took on.
 *
 * @internal
 */
export interface Begun {
  readonly lifecycle: Lifecycle
  readonly views: Views.Views
}

/**
 * Asks the server to take it on; it is cancelled with the scope, unless it has ended.
 *
 * @internal
 */
export const begin = (
  deps: Gated,
  method: string,
  plan: ImportPlan.Plan
): Effect.Effect<Begun, Errors.ImportError, Scope> => {
  const { api } = deps
  // what a server says when it cannot be cancelled is logged
  const quiet = { ...api, cancelOperation: (id: Ids.OperationId) => hidden(plan, api.cancelOperation(id)) }
  return launchWith<Errors.LookupError | Errors.TooEarlyError | Errors.DisposableImageRunError>(
    { ...deps, api: quiet },
    {
      method,
      what: "import",
      where: `of ${plan.request.registry.url}`,
      check: deps.gate.check(method),
      request: api.importImage(plan.request)
    }
  ).pipe(
    Effect.tap(({ operationId }) => Effect.annotateCurrentSpan("contree.operation", operationId)),
    Effect.map((lifecycle) => ({ lifecycle, views: Views.make({ api, method, lifecycle }) }))
  )
}

/** without the credentials, which a server's words may repeat */
const hidden = <A, E extends Errors.ContreeError, R>(
  { scrub }: ImportPlan.Plan,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => Effect.mapError(self, (error) => scrubError(error, scrub))

/**
 * Waits for the image.
 *
 * @internal
 */
export const conclude = (
  deps: Gated,
  method: string,
  plan: ImportPlan.Plan,
  { views }: Begun
): Effect.Effect<KeptImage, Errors.ImportError> =>
  Effect.flatMap(views.ending, ({ operation }) => {
    const id = operation.result_image_uuid ?? operation.result?.image
    return id === undefined || id === null
      ? new Errors.FailedOperationError({
        method,
        operationId: operation.uuid,
        description: "the import succeeded, and the service names no image that came of it"
      })
      : Effect.succeed(ImageHandle.kept(deps, id, Option.some(plan.tag)))
  })

/**
 * @internal
 */
export const timedOut = (
  method: string,
  { lifecycle }: Begun
) =>
(limit: Duration.Duration): Errors.OperationTimedOutError =>
  new Errors.OperationTimedOutError({
    method,
    operationId: lifecycle.operationId,
    description: `waited ${Duration.format(limit)}, and the import is cancelled`
  })

/**
 * Begins one and waits for its image.
 *
 * @internal
 */
export const toEnd = (
  deps: Gated,
  method: string,
  plan: ImportPlan.Plan
): Effect.Effect<KeptImage, Errors.ImportError> =>
  Effect.gen(function*() {
    const begun = yield* begin(deps, method, plan)
    const ended = conclude(deps, method, plan, begun)
    return yield* Option.match(plan.waitTimeout, {
      onNone: () => ended,
      onSome: (duration) => Effect.timeoutFail(ended, { duration, onTimeout: () => timedOut(method, begun)(duration) })
    })
  }).pipe(Effect.scoped, (self) => hidden(plan, self))
