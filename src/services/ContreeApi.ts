/**
 * The HTTP API, one method an endpoint, wire models in and out: the only place that knows URLs. Programs use `Images`,
 * `Files` and `Operations`; this is for what those do not cover. Protocol: section 2.
 *
 * Every method checks its ids, fails with the error of the status (a status outside its union is an
 * `UnexpectedStatusError`), and is retried by `ContreeConfig.retry`: reads on what is transient, others only when the
 * server said that it had not begun (425, 429).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import type { Wiring } from "../internal/ApiRequest.js"
import { learningScrubber } from "../internal/HttpText.js"
import type * as Errors from "../schemas/Errors.js"
import type * as Event from "../schemas/Event.js"
import type * as Ids from "../schemas/Ids.js"
import type * as Wire from "../schemas/Wire.js"
import * as files from "./ApiFiles.js"
import * as images from "./ApiImages.js"
import * as inspect from "./ApiInspect.js"
import * as operations from "./ApiOperations.js"
import * as subprocesses from "./ApiSubprocesses.js"
import { ContreeConfig } from "./ContreeConfig.js"
import { ContreeHttp } from "./ContreeHttp.js"

/**
 * Pages: `limit` 1 to 1000 (default 100), `offset` from 0. `since` and `until` are RFC 3339, seconds since 1970, or an
 * age such as `15m`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Page {
  readonly limit?: number | undefined
  readonly offset?: number | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
}

/**
 * `tag` is a prefix. `tagged` leaves out what has no tag; the wire has no word for the opposite.
 *
 * @since 0.1.0
 * @category models
 */
export interface ImageQuery extends Page {
  readonly tagged?: true | undefined
  readonly tag?: string | undefined
  readonly uuid?: Ids.ImageId | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface OperationQuery extends Page {
  readonly status?: Wire.OperationStatus | undefined
  readonly kind?: string | undefined
}

/**
 * `since` and `lastEventId` are exclusive; `lastEventId` wins.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventsQuery {
  readonly follow?: boolean | undefined
  readonly spid?: number | undefined
  readonly since?: number | undefined
  readonly lastEventId?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface GrepQuery {
  readonly pattern: ReadonlyArray<string>
  readonly path?: ReadonlyArray<string> | undefined
  readonly glob?: ReadonlyArray<string> | undefined
  readonly max_count?: number | undefined
  readonly max_total?: number | undefined
  readonly case?: "sensitive" | "insensitive" | "smart" | undefined
  readonly before?: number | undefined
  readonly after?: number | undefined
}

/** reading a path of an image that surely exists as a handle */
type PathError = Errors.LookupError | Errors.GoneError | Errors.UnprocessableError

/**
 * What one connection to an operation's events can end in: 410 and 425 say "later", a broken stream is an
 * `EventStreamError` or a `TransportError`.
 *
 * @since 0.1.0
 * @category errors
 */
export type EventsError =
  | Errors.LookupError
  | Errors.GoneError
  | Errors.TooEarlyError
  | Errors.EventStreamError

/**
 * @since 0.1.0
 * @category errors
 */
export type CreateError = Errors.LookupError | Errors.UnprocessableError | Errors.TooEarlyError

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly whoami: Effect.Effect<Wire.WhoAmI, Errors.RequestError>

  readonly listImages: (query?: ImageQuery) => Effect.Effect<ReadonlyArray<Wire.Image>, Errors.RequestError>
  readonly setImageTag: (
    id: Ids.ImageId,
    tag: string
  ) => Effect.Effect<Wire.Image, Errors.LookupError | Errors.ConflictError>
  readonly deleteImageTag: (
    id: Ids.ImageId,
    tag?: string
  ) => Effect.Effect<void, Errors.LookupError | Errors.ConflictError>
  readonly importImage: (
    request: Wire.ImageImportRequest
  ) => Effect.Effect<Ids.OperationId, Errors.LookupError | Errors.TooEarlyError>

  readonly listFiles: (query?: Page) => Effect.Effect<ReadonlyArray<Wire.File>, Errors.RequestError>
  /** streamed; a stream is sent once and never again. `size` in bytes, when known, becomes the Content-Length. */
  readonly uploadFile: <E = never, R = never>(
    content: Uint8Array | Stream.Stream<Uint8Array, E, R>,
    options?: { readonly size?: number | undefined }
  ) => Effect.Effect<Wire.UploadedFile, Errors.UploadError | E, R>
  readonly getFile: (sha256: Ids.Sha256) => Effect.Effect<Wire.File, Errors.LookupError>
  readonly checkFile: (sha256: Ids.Sha256) => Effect.Effect<boolean, Errors.RequestError>

  readonly spawnInstance: (request: Wire.InstanceSpawnRequest) => Effect.Effect<Ids.OperationId, CreateError>

  readonly listOperations: (
    query?: OperationQuery
  ) => Effect.Effect<ReadonlyArray<Wire.OperationSummary>, Errors.RequestError>
  readonly getOperation: (
    id: Ids.OperationId,
    options?: { readonly inflight?: boolean | undefined }
  ) => Effect.Effect<Wire.Operation, Errors.LookupError>
  /** asynchronous on the server; 409 when it has already ended, or when another engine on the same store runs it */
  readonly cancelOperation: (id: Ids.OperationId) => Effect.Effect<void, Errors.CancelError>
  /** one connection: it ends when the server closes it, resumes nothing, and fails when no byte comes for `idleTimeout` */
  readonly operationEvents: (
    id: Ids.OperationId,
    query?: EventsQuery
  ) => Stream.Stream<Event.OperationEvent, EventsError>

  readonly createSubprocess: (
    id: Ids.OperationId,
    request: Wire.ExecSpec
  ) => Effect.Effect<Ids.Spid, CreateError | Errors.ConflictError | Errors.GoneError>
  readonly getSubprocess: (
    id: Ids.OperationId,
    spid: Ids.Spid
  ) => Effect.Effect<Wire.InstanceResult, Errors.LookupError>
  /** `signal` by name without `SIG`; absent: KILL */
  readonly killSubprocess: (
    id: Ids.OperationId,
    spid: Ids.Spid,
    signal?: string
  ) => Effect.Effect<void, Errors.CancelError>
  readonly writeSubprocessStdin: (
    id: Ids.OperationId,
    spid: Ids.Spid,
    input: { readonly bytes: Uint8Array; readonly close?: boolean | undefined }
  ) => Effect.Effect<void, Errors.LookupError | Errors.ConflictError | Errors.GoneError | Errors.TooEarlyError>

  /** the 302 of the look-up by exact tag, read and not followed */
  readonly findImageByTag: (tag: string) => Effect.Effect<Ids.ImageId, Errors.LookupError>
  readonly inspectImage: (id: Ids.ImageId) => Effect.Effect<Wire.Image, Errors.LookupError>
  readonly listDirectory: (id: Ids.ImageId, path: string) => Effect.Effect<Wire.DirectoryList, PathError>
  readonly downloadFile: (id: Ids.ImageId, path: string) => Stream.Stream<Uint8Array, PathError>
  readonly checkImageFile: (id: Ids.ImageId, path: string) => Effect.Effect<boolean, PathError>
  /** a POSIX tar (PAX), never compressed */
  readonly archive: (id: Ids.ImageId, path: string) => Stream.Stream<Uint8Array, PathError>
  readonly checkArchive: (id: Ids.ImageId, path: string) => Effect.Effect<boolean, PathError>
  readonly grep: (id: Ids.ImageId, query: GrepQuery) => Effect.Effect<Wire.GrepResult, PathError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class ContreeApi extends Context.Tag("effect-contree/ContreeApi")<ContreeApi, Service>() {}

/**
 * The API of the configured service. Each method has a span `Contree.Api.<method>`, its retries within.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Service, never, ContreeHttp | ContreeConfig> = Effect.gen(function*() {
  const client = yield* ContreeHttp
  const config = yield* ContreeConfig
  const wiring: Wiring = {
    client,
    baseUrl: config.baseUrl,
    ...learningScrubber(Redacted.value(config.token)),
    retry: config.retry,
    requestTimeout: config.requestTimeout,
    idleTimeout: config.idleTimeout
  }
  return {
    ...images.make(wiring),
    ...inspect.make(wiring),
    ...files.make(wiring),
    ...operations.make(wiring),
    ...subprocesses.make(wiring)
  }
})
