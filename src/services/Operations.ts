/**
 * The operations of a service: one for each run and each import, ended ones too.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as Errors from "../schemas/Errors.js"
import type * as EventSchema from "../schemas/Event.js"
import type * as Ids from "../schemas/Ids.js"
import type { When } from "./Images.js"
import type { Process } from "./Process.js"

/**
 * `Unknown`: a word this version does not know; such an operation is taken to go on.
 *
 * @since 0.1.0
 * @category models
 */
export type Status = "Pending" | "Assigned" | "Executing" | "Success" | "Failed" | "Cancelled" | "Unknown"

/**
 * @since 0.1.0
 * @category models
 */
export interface Operation {
  readonly id: Ids.OperationId
  readonly kind: "instance" | "image_import" | (string & {})
  readonly status: Status
  /** why it failed, in the server's words */
  readonly error: Option.Option<string>
  readonly createdAt: Option.Option<DateTime.Utc>
  readonly duration: Option.Option<Duration.Duration>
  /** what it ran in; none for imports */
  readonly image: Option.Option<Ids.ImageId>
  /** what it left; none for disposable runs, and for what has not succeeded */
  readonly resultImage: Option.Option<Ids.ImageId>
}

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
  /** default: now, so that pages do not shift while they are read */
  readonly until?: When | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly get: (id: Ids.OperationId) => Effect.Effect<Operation, Errors.LookupError>
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
   * is not ours: neither `waitTimeout` (`OperationTimedOutError`) nor an interruption cancels it.
   */
  readonly wait: (
    id: Ids.OperationId,
    options?: { readonly waitTimeout?: Duration.DurationInput | undefined }
  ) => Effect.Effect<Operation, Errors.WaitError>
  /**
   * The log, from its beginning or `after` an event, and on until the operation ends; `follow: false` ends with what is
   * there now. Breaks are mended: nothing is lost, nothing comes twice.
   */
  readonly events: (
    id: Ids.OperationId,
    options?: { readonly after?: number | undefined; readonly follow?: boolean | undefined }
  ) => Stream.Stream<Event, Errors.FollowError>
  /** Asks for the end. The server answers before it comes. `ConflictError`: it has ended already. */
  readonly cancel: (id: Ids.OperationId) => Effect.Effect<void, Errors.CancelError>
  /**
   * A run that is already there, as `Image.start` would have returned it: its output from the beginning, and closing the
   * scope before its end cancels it, unless it is detached. An operation of another kind is an `InvalidArgumentError`.
   */
  readonly attach: (
    id: Ids.OperationId
  ) => Effect.Effect<Process, Errors.LookupError | Errors.InvalidArgumentError, Scope>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Operations extends Context.Tag("effect-contree/Operations")<Operations, Service>() {}
