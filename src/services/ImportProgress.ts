/**
 * What an import tells of itself on its way.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { scrubDeep, scrubError } from "../internal/CredentialScrub.js"
import type * as Errors from "../schemas/Errors.js"
import type * as Event from "../schemas/Event.js"
import type * as Ids from "../schemas/Ids.js"
import { isTerminal } from "../schemas/Wire.js"
import type { KeptImage } from "./Image.js"
import * as Importing from "./Importing.js"
import type * as ImportPlan from "./ImportPlan.js"
import type { Gated } from "./Machine.js"
import { toStatus } from "./OperationData.js"
import type * as Operations from "./Operations.js"
import * as Views from "./ProcessViews.js"

interface Step {
  readonly operationId: Ids.OperationId
  /** since the import was accepted, by our clock */
  readonly elapsed: Duration.Duration
}

/**
 * What an import tells of itself. The protocol has no word for how much of an image has come, so this is all that a
 * server may say: that it took the import on, each new status (asked for every 2 seconds), each line of its log where it
 * keeps one for imports (with what this version does not know as `Unknown`, raw), and at the end the image.
 *
 * @since 0.1.0
 * @category models
 */
export type Progress =
  | Step & { readonly _tag: "Accepted" }
  | Step & { readonly _tag: "Status"; readonly status: Operations.Status }
  | Step & { readonly _tag: "Event"; readonly event: Operations.Event }
  | Step & { readonly _tag: "Imported"; readonly image: KeptImage }

const statusPause = Duration.seconds(2)

/** Each status that is new. What cannot be read now is asked for again: the log decides what is a failure. */
const statuses = (api: Gated["api"], id: Ids.OperationId): Stream.Stream<Operations.Status> =>
  Stream.repeatEffectWithSchedule(Effect.option(api.getOperation(id)), Schedule.spaced(statusPause)).pipe(
    Stream.filterMap((operation) => operation),
    Stream.takeUntil((operation) => isTerminal(operation.status)),
    Stream.map((operation) => toStatus(operation.status)),
    Stream.changes
  )

/** Ends what was read of a stream with `error` when the time is over. */
const within = <A, E, R>(
  self: Stream.Stream<A, E, R>,
  limit: Option.Option<Duration.Duration>,
  error: (limit: Duration.Duration) => Errors.OperationTimedOutError
): Stream.Stream<A, E | Errors.OperationTimedOutError, R> =>
  Option.match(limit, {
    onNone: () => self,
    onSome: (duration) =>
      Stream.interruptWhen(self, Effect.flatMap(Effect.sleep(duration), () => Effect.fail(error(duration))))
  })

const withoutSecrets = (plan: ImportPlan.Plan, event: Event.OperationEvent): Event.OperationEvent => ({
  ...event,
  data: scrubDeep(event.data, plan.scrub) as Event.OperationEvent["data"]
})

/**
 * Begins an import, and tells of it until its image is there. Left before, it is cancelled.
 *
 * @internal
 */
export const make = (
  deps: Gated,
  method: string,
  plan: ImportPlan.Plan
): Stream.Stream<Progress, Errors.ImportError> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const begun = yield* Importing.begin(deps, method, plan)
    const { operationId } = begun.lifecycle
    const start = yield* Clock.currentTimeMillis
    const step = Effect.map(Clock.currentTimeMillis, (now): Step => ({
      operationId,
      elapsed: Duration.millis(now - start)
    }))
    const told = begun.views.events.pipe(
      Stream.mapEffect((event) =>
        Effect.map(step, (at): Progress => ({
          ...at,
          _tag: "Event",
          event: Views.toEvent(withoutSecrets(plan, event))
        }))
      ),
      Stream.merge(
        Stream.mapEffect(
          statuses(deps.api, operationId),
          (status) => Effect.map(step, (at): Progress => ({ ...at, _tag: "Status", status }))
        ),
        { haltStrategy: "left" }
      )
    )
    const imported = Effect.zipWith(
      Importing.conclude(deps, method, plan, begun),
      step,
      (image, at): Progress => ({ ...at, _tag: "Imported", image })
    )
    const accepted: Stream.Stream<Progress> = Stream.fromEffect(
      Effect.map(step, (at): Progress => ({ ...at, _tag: "Accepted" }))
    )
    const all = Stream.concat(accepted, Stream.concat(told, Stream.fromEffect(imported)))
    return within(all, plan.waitTimeout, Importing.timedOut(method, begun))
  })).pipe(Stream.mapError((error) => scrubError(error, plan.scrub)))
