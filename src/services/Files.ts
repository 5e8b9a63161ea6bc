/**
 * Files the service keeps, to put into sandboxes: uploaded once, used in any number of runs.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Errors from "../schemas/Errors.js"
import * as Ids from "../schemas/Ids.js"
import * as Timestamp from "../schemas/Timestamp.js"
import type { Uploaded } from "../schemas/Uploaded.js"
import type * as Wire from "../schemas/Wire.js"
import type { ContreeApi, Service as ApiService } from "./ContreeApi.js"
import type { ContreeConfig } from "./ContreeConfig.js"
import type * as File from "./File.js"
import type { When } from "./Images.js"
import * as Machine from "./Machine.js"
import * as Paging from "./Paging.js"
import * as Uploads from "./Uploads.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Uploaded
} from "../schemas/Uploaded.js"

/**
 * `updatedAt`: when it was last uploaded.
 *
 * @since 0.1.0
 * @category models
 */
export interface Info extends Uploaded {
  readonly createdAt: DateTime.Utc
  readonly updatedAt: DateTime.Utc
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Filter {
  readonly since?: When | undefined
  /** default: a minute from now (clocks differ). What is made while pages are read gives no row twice. */
  readonly until?: When | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * The file with this content: looked up by its SHA-256, and sent only where the service has it not. What can be read
   * again is hashed first, a local file in constant memory: it is read a second time when it has to be sent. A stream
   * can be read only once, so it is sent. Files of runs are put there so.
   *
   * A local file that changes between the two readings is sent as it is then, and the answer is of those bytes; one that
   * became shorter is a `BadRequestError`. When the service has other bytes than were sent, it is a `DecodeError`.
   *
   * Owner and mode of the `File` are no matter here: they are of each use.
   *
   * @example
   * ```ts
   * import * as File from "effect-contree/File"
   * import * as Files from "effect-contree/Files"
   * import * as Effect from "effect/Effect"
   *
   * const model = Effect.flatMap(Files.Files, (files) => files.ensure(File.path("./model.bin")))
   * ```
   */
  readonly ensure: <const F extends File.Content>(
    content: F
  ) => Effect.Effect<Uploaded, Errors.UploadError | File.Error<F>, File.Context<F>>
  /**
   * Sends the content, also where the service has it: then the answer is the file it had, and its age begins anew
   * (services drop files that nobody uploads for months). What the Python SDK calls `upload` is `ensure`.
   *
   * When the service has other bytes than were sent, it is a `DecodeError`.
   */
  readonly upload: <const F extends File.Content>(
    content: F
  ) => Effect.Effect<Uploaded, Errors.UploadError | File.Error<F>, File.Context<F>>
  /** By the SHA-256 of the content, in hexadecimal. What is no such digest is a `NotFoundError`: no file has it. */
  readonly get: (sha256: string) => Effect.Effect<Info, Errors.LookupError>
  readonly exists: (sha256: string) => Effect.Effect<boolean, Errors.RequestError>
  /** `number`: at most so many, default 100 */
  readonly list: (
    options?: Filter & { readonly number?: number | "all" | undefined }
  ) => Effect.Effect<ReadonlyArray<Info>, Errors.RequestError | Errors.InvalidArgumentError>
  /** Pages as they are read, up to 1000 at once. */
  readonly stream: (options?: Filter) => Stream.Stream<Info, Errors.RequestError | Errors.InvalidArgumentError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Files extends Context.Tag("effect-contree/Files")<Files, Service>() {}

const toInfo = (file: Wire.File): Info => ({
  id: file.uuid,
  sha256: file.sha256,
  size: file.size,
  createdAt: Timestamp.toDateTime(file.created_at),
  updatedAt: Timestamp.toDateTime(file.updated_at)
})

const isSha256 = Schema.is(Ids.Sha256)

/** Upper case is the same digest. */
const normalise = (sha256: string): Ids.Sha256 | undefined => {
  const lower = sha256.toLowerCase()
  return isSha256(lower) ? lower : undefined
}

const stream = (api: ApiService, filter: Filter | undefined, number: number): ReturnType<Service["stream"]> =>
  Stream.unwrap(
    Effect.map(Paging.period("Files.list", filter), (period) =>
      Stream.map(
        Paging.pages(number, (page) => api.listFiles({ ...period, ...page })),
        toInfo
      ))
  )

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Service, never, ContreeApi | ContreeConfig> = Effect.map(Machine.make, (machine) => {
  const { api } = machine
  return Files.of({
    ensure: (content) => Uploads.ensure(machine, content).pipe(Effect.withSpan("Contree.Files.ensure")),
    upload: (content) => Uploads.upload(machine, content).pipe(Effect.withSpan("Contree.Files.upload")),
    get: (sha256) =>
      Effect.suspend((): Effect.Effect<Wire.File, Errors.LookupError> => {
        const digest = normalise(sha256)
        return digest !== undefined ? api.getFile(digest) : Effect.fail(
          new Errors.NotFoundError({
            method: "Files.get",
            description: "this is no SHA-256 in hexadecimal: nothing was sent"
          })
        )
      }).pipe(Effect.map(toInfo), Effect.withSpan("Contree.Files.get")),
    exists: (sha256) =>
      Effect.suspend(() => {
        const digest = normalise(sha256)
        return digest === undefined ? Effect.succeed(false) : api.checkFile(digest)
      }).pipe(Effect.withSpan("Contree.Files.exists")),
    list: (options) =>
      Paging.count("Files.list", options?.number).pipe(
        Effect.flatMap((number) => Stream.runCollect(stream(api, options, number))),
        Effect.map(Chunk.toReadonlyArray),
        Effect.withSpan("Contree.Files.list")
      ),
    stream: (filter) => Stream.withSpan(stream(api, filter, Infinity), "Contree.Files.stream")
  })
})
