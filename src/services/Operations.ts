/**
 * The operations of a service: one for each run and each import, ended ones too.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Cancellation from "../internal/Cancellation.js"
import * as Follow from "../internal/Follow.js"
import * as Pull from "../internal/Pull.js"
import * as Lifecycle from "../internal/ProcessLifecycle.js"
import * as RunGate from "../internal/RunGate.js"
import * as Errors from "../schemas/Errors.js"
import type * as EventSchema from "../schemas/Event.js"
import type * as Ids from "../schemas/Ids.js"
import { isTerminal } from "../schemas/Wire.js"
import * as CancelAll from "./CancelAll.js"
import type { CancelFilter, Cancelled } from "./CancelAll.js"
import type { ContreeApi, Service as ApiService } from "./ContreeApi.js"
import type { ContreeConfig } from "./ContreeConfig.js"
import * as ImageHandle from "./ImageHandle.js"
import type { When } from "./Images.js"
import { adopt } from "./Launch.js"
import type { Gated } from "./Machine.js"
import * as Machine from "./Machine.js"
import { statuses, toDetails, toOperation } from "./OperationData.js"
import type { Operation, OperationDetails, Status } from "./OperationData.js"
import * as Paging from "./Paging.js"
import type { Process } from "./Process.js"
import * as ProcessHandle from "./ProcessHandle.js"
import * as Views from "./ProcessViews.js"

export type {
  /**
   * @since 0.1.0
   * @category options
   */
  CancelFilter,
  /**
   * @since 0.1.0
   * @category models
   */
  Cancelled
} from "./CancelAll.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Operation,
  /**
   * @since 0.1.0
   * @category models
   */
  OperationDetails,
  /**
   * @since 0.1.0
   * @category models
   */
  RunState,
  /**
   * @since 0.1.0
   * @category models
   */
  Status
} from "./OperationData.js"

/**
 * One line of an operation's log: a number that only grows, its time, and the payload, read by its type; `Unknown` for
 * what this version does not know, raw.
 *
 * @since 0.1.0
 * @category models
 */
export type Event = EventSchema.Event & { readonly id: number; readonly at: DateTime.Utc }

/**
 * @since 0.1.0
 * @category options
 */
export interface ListOptions {
  readonly status?: Exclude<Status, "Unknown"> | undefined
  readonly kind?: "instance" | "image_import" | undefined
  readonly since?: When | undefined
  /** default: a minute from now, since clocks differ */
  readonly until?: When | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** `inflight`: of a run that goes on, also what it has written so far (`run`) */
  readonly get: (
    id: Ids.OperationId,
    options?: { readonly inflight?: boolean | undefined }
  ) => Effect.Effect<OperationDetails, Errors.LookupError>
  /** `number`: at most so many, default 100 */
  readonly list: (
    options?: ListOptions & { readonly number?: number | "all" | undefined }
  ) => Effect.Effect<ReadonlyArray<Operation>, Errors.RequestError | Errors.InvalidArgumentError>
  /** Pages as they are read, up to 1000 at once. */
  readonly stream: (
    options?: ListOptions
  ) => Stream.Stream<Operation, Errors.RequestError | Errors.InvalidArgumentError>
  /**
   * Waits for the end. A failed operation is a `FailedOperationError`, a cancelled one a `CancelledOperationError`. It
   * is not ours: neither `waitTimeout` (`OperationTimedOutError`) nor an interruption cancels it. A `waitTimeout` of
   * zero or less is over at once; without one, or with an infinite one, the end is waited for as long as it takes.
   */
  readonly wait: (
    id: Ids.OperationId,
    options?: { readonly waitTimeout?: Duration.DurationInput | undefined }
  ) => Effect.Effect<OperationDetails, Errors.WaitError>
  /**
   * The log, from its beginning or `after` an event, and on until the operation ends; `follow: false` ends with what is
   * there now. Breaks are mended: nothing is lost, nothing comes twice; where the rest of the log is gone for good, it
   * fails with `EventStreamError`. (Without `after`, the output of a run is then still had from its status.)
   */
  readonly events: (
    id: Ids.OperationId,
    options?: { readonly after?: number | undefined; readonly follow?: boolean | undefined }
  ) => Stream.Stream<Event, Errors.FollowError>
  /**
   * Asks for the end. The server answers before it comes; where no answer does, it is asked again. `ConflictError`: it
   * has ended already; or it goes on, and the server refuses to end it, as an engine does for what another one on the
   * same store runs: the error says which.
   */
  readonly cancel: (id: Ids.OperationId) => Effect.Effect<void, Errors.CancelError>
  /**
   * Cancels everything that goes on and matches, 8 at a time: also what other programs of the project began. What could
   * not be cancelled is in the answer and no failure; only a list that cannot be read is one. What begins meanwhile may
   * be missed.
   *
   * @example
   * ```ts
   * import * as Operations from "effect-contree/Operations"
   * import * as Effect from "effect/Effect"
   *
   * const stopRuns = Effect.flatMap(Operations.Operations, (operations) =>
   *   operations.cancelAll({ kind: "instance", since: "1 hour" }))
   * ```
   */
  readonly cancelAll: (
    filter?: CancelFilter
  ) => Effect.Effect<Cancelled, Errors.RequestError | Errors.InvalidArgumentError>
  /**
   * A run that is already there, as `Image.start` would have returned it: its output from the beginning, its stdin (if
   * that is open), and closing the scope before its end cancels it, unless it is detached. An operation of another kind
   * is an `InvalidArgumentError`. Once the layer is closed nothing is asked, and nothing cancelled: it fails with
   * `DisposableImageRunError`.
   */
  readonly attach: (
    id: Ids.OperationId
  ) => Effect.Effect<
    Process,
    Errors.LookupError | Errors.InvalidArgumentError | Errors.DisposableImageRunError,
    Scope
  >
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Operations extends Context.Tag("effect-contree/Operations")<Operations, Service>() {}

const stream = (
  api: ApiService,
  options: ListOptions | undefined,
  number: number
): ReturnType<Service["stream"]> =>
  Stream.unwrap(Effect.map(Paging.period("Operations.list", options), (period) => {
    const query = {
      ...period,
      ...(options?.status === undefined ? {} : { status: statuses[options.status] }),
      ...(options?.kind === undefined ? {} : { kind: options.kind })
    }
    return Stream.map(Paging.pages(number, (page) => api.listOperations({ ...query, ...page })), toOperation)
  }))

const wait = (api: ApiService): Service["wait"] => (id, options) =>
  Effect.gen(function*() {
    const method = "Operations.wait"
    // not ours: what ends it is its end alone
    const lifecycle = Lifecycle.make({ operationId: id, cancel: Effect.void, release: Effect.void })
    const ending = Effect.map(Views.make({ api, method, lifecycle }).ending, ({ operation }) => toDetails(operation))
    // What does not exist is said at once. Anything else is mended by what follows the log.
    const known = Effect.catchIf(
      Effect.asVoid(api.getOperation(id)),
      (error) => error._tag !== "NotFoundError",
      () => Effect.void
    )
    const waited = Effect.zipRight(known, ending)
    const limit = options?.waitTimeout === undefined ? Duration.infinity : Duration.decode(options.waitTimeout)
    if (!Duration.isFinite(limit)) return yield* waited
    return yield* Effect.timeoutFail(waited, {
      duration: limit,
      onTimeout: () =>
        new Errors.OperationTimedOutError({
          method,
          operationId: id,
          description: `waited ${Duration.format(limit)}; only the waiting is over: the operation was not cancelled`
        })
    })
  }).pipe(Effect.withSpan("Contree.Operations.wait", { attributes: { "contree.operation": id } }))

const attach = (deps: Gated): Service["attach"] => (id) =>
  Effect.gen(function*() {
    const method = "Operations.attach"
    yield* deps.gate.check(method)
    const operation = yield* deps.api.getOperation(id)
    if (operation.kind !== "instance") {
      return yield* new Errors.InvalidArgumentError({
        method,
        argument: "id",
        description: `operation ${id} is no run but ${operation.kind ?? "of an unnamed kind"}: use wait or events`
      })
    }
    const lifecycle = Lifecycle.make({
      operationId: id,
      cancel: Effect.asVoid(Cancellation.attempt(deps.api, id)),
      release: Effect.void
    })
    if (isTerminal(operation.status)) yield* lifecycle.ended
    // one that has shut meanwhile has nothing to end: the run was never ours
    yield* adopt(deps, lifecycle, lifecycle.detached)
    yield* deps.gate.check(method)
    // whether its stdin is open, only the server knows
    return ProcessHandle.make(deps, { lifecycle, toImage: ImageHandle.anyFrom(deps), isStdinOpen: true })
  }).pipe(
    Effect.withSpan("Contree.Operations.attach", { attributes: { "contree.operation": id } })
  )

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Service, never, ContreeApi | ContreeConfig> = Effect.map(Machine.make, (machine) => {
  const { api } = machine
  const deps: Gated = { ...machine, gate: RunGate.rootOf(api) }
  return Operations.of({
    get: (id, options) =>
      Effect.map(api.getOperation(id, { inflight: options?.inflight === true }), toDetails).pipe(
        Effect.withSpan("Contree.Operations.get", { attributes: { "contree.operation": id } })
      ),
    list: (options) =>
      Paging.count("Operations.list", options?.number).pipe(
        Effect.flatMap((number) => Stream.runCollect(stream(api, options, number))),
        Effect.map(Chunk.toReadonlyArray),
        Effect.withSpan("Contree.Operations.list")
      ),
    stream: (options) => Stream.withSpan(stream(api, options, Infinity), "Contree.Operations.stream"),
    wait: wait(api),
    events: (id, options) => {
      const read = options?.follow === false ? Follow.replay : Follow.follow
      return read(Views.source(api, "Operations.events", id), { after: options?.after }).pipe(
        Effect.map(Effect.map(Chunk.map(Views.toEvent))),
        Pull.withSpan("Contree.Operations.events", { attributes: { "contree.operation": id } }),
        Pull.toStream
      )
    },
    cancel: (id) =>
      Cancellation.attempt(api, id).pipe(
        Effect.flatMap(Option.match({ onNone: () => Effect.void, onSome: (ended) => Effect.fail(ended) })),
        Effect.withSpan("Contree.Operations.cancel", { attributes: { "contree.operation": id } })
      ),
    cancelAll: CancelAll.make(api),
    attach: attach(deps)
  })
})
