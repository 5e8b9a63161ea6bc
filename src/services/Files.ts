/**
 * Files the service keeps, to put into sandboxes: uploaded once, used in any number of runs.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as Errors from "../schemas/Errors.js"
import type { Uploaded } from "../schemas/Uploaded.js"
import type * as File from "./File.js"
import type { When } from "./Images.js"

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
  /** default: now, so that pages do not shift while they are read */
  readonly until?: When | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Uploads, unless the service has the same bytes already (asked for text and bytes only: a path or a stream is sent as
   * it is read). Owner and mode of the `File` are no matter here: they are of each use.
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
