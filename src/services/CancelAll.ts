/**
 * Cancelling every operation that still goes on.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Cancellation from "../internal/Cancellation.js"
import type * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import { isTerminal } from "../schemas/Wire.js"
import type * as Wire from "../schemas/Wire.js"
import type * as ContreeApi from "./ContreeApi.js"
import type { When } from "./Images.js"
import * as Paging from "./Paging.js"

/**
 * Which of them; everything that is given must hold. Without a filter: all, also those that other programs of the
 * project began.
 *
 * @since 0.1.0
 * @category options
 */
export interface CancelFilter {
  readonly kind?: "instance" | "image_import" | undefined
  readonly status?: "Pending" | "Assigned" | "Executing" | undefined
  /** begun at this moment or later */
  readonly since?: When | undefined
  /** begun at this moment or earlier; default: a minute from now, since clocks differ */
  readonly until?: When | undefined
}

/**
 * What came of it. `ended`: over, or gone, before the cancel came; `failed`: may go on, with the reason.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cancelled {
  readonly cancelled: ReadonlyArray<Ids.OperationId>
  readonly ended: ReadonlyArray<Ids.OperationId>
  readonly failed: ReadonlyArray<{ readonly id: Ids.OperationId; readonly error: Errors.CancelError }>
}

const concurrency = 8

/** In the order in which an operation goes through them: one that moves on meanwhile is met in the next. */
const active = ["PENDING", "ASSIGNED", "EXECUTING"] as const

const found = (
  api: ContreeApi.Service,
  filter: CancelFilter,
  period: Pick<ContreeApi.Page, "since" | "until">
): Effect.Effect<ReadonlySet<Ids.OperationId>, Errors.RequestError> => {
  const wanted = active.filter((status) => filter.status === undefined || filter.status.toUpperCase() === status)
  const query = { ...period, ...(filter.kind === undefined ? {} : { kind: filter.kind }) }
  // a server that knows no filters gives all it has
  const isMeant = (operation: Wire.OperationSummary): boolean =>
    !isTerminal(operation.status) &&
    (filter.kind === undefined || operation.kind === filter.kind) &&
    (filter.status === undefined || operation.status === filter.status.toUpperCase())
  // all of them before the first cancel, which would move the pages under us
  return Stream.fromIterable(wanted).pipe(
    Stream.flatMap((status) => Paging.pages(Infinity, (page) => api.listOperations({ ...query, status, ...page }))),
    Stream.filter(isMeant),
    Stream.map((operation) => operation.uuid),
    Stream.runCollect,
    Effect.map((ids) => new Set(Chunk.toReadonlyArray(ids)))
  )
}

type Outcome = "cancelled" | "ended" | Errors.CancelError

const cancel = (
  api: ContreeApi.Service,
  id: Ids.OperationId
): Effect.Effect<readonly [Ids.OperationId, Outcome]> =>
  Cancellation.attempt(api, id).pipe(
    Effect.map((ended): Outcome => Option.isSome(ended) ? "ended" : "cancelled"),
    Effect.catchTag("NotFoundError", () => Effect.succeed<Outcome>("ended")),
    Effect.either,
    Effect.map((outcome) => [id, Either.merge(outcome)] as const)
  )

/**
 * @internal
 */
export const make = (api: ContreeApi.Service) =>
(
  filter: CancelFilter = {}
): Effect.Effect<Cancelled, Errors.RequestError | Errors.InvalidArgumentError> =>
  Effect.gen(function*() {
    const period = yield* Paging.period("Operations.cancelAll", filter)
    const ids = yield* found(api, filter, period)
    const outcomes = yield* Effect.forEach(ids, (id) => cancel(api, id), { concurrency })
    const of = (wanted: Outcome) => outcomes.filter(([, outcome]) => outcome === wanted).map(([id]) => id)
    return {
      cancelled: of("cancelled"),
      ended: of("ended"),
      failed: outcomes.flatMap(([id, outcome]) => typeof outcome === "string" ? [] : [{ id, error: outcome }])
    }
  }).pipe(Effect.withSpan("Contree.Operations.cancelAll"))
