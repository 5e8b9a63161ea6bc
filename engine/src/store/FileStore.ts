/**
 * Uploaded files, kept by content.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { FileId, Sha256 } from "effect-contree/Ids"
import type { Timestamp } from "effect-contree/Timestamp"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { StoreError, UploadTooLarge } from "./StoreError.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface FileRow {
  readonly id: FileId
  readonly sha256: Sha256
  readonly size: number
  readonly createdAt: Timestamp
  readonly updatedAt: Timestamp
}

/**
 * A page of files; the time span is of `createdAt`, both ends included.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileQuery {
  readonly limit: number
  readonly offset: number
  readonly since?: Timestamp | undefined
  readonly until?: Timestamp | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface FileStore {
  /**
   * Streams to disk, in constant memory. The same content twice is one file with one id, whose `updatedAt` moves. A
   * failure, an interruption or too many bytes leave nothing behind.
   */
  readonly upload: <E, R>(
    bytes: Stream.Stream<Uint8Array, E, R>,
    options: { readonly maxBytes: number }
  ) => Effect.Effect<FileRow, StoreError | UploadTooLarge | E, R>
  readonly get: (sha256: string) => Effect.Effect<Option.Option<FileRow>, StoreError>
  readonly getById: (id: string) => Effect.Effect<Option.Option<FileRow>, StoreError>
  /** Newest first. */
  readonly list: (query: FileQuery) => Effect.Effect<ReadonlyArray<FileRow>, StoreError>
  /** Where its bytes are on the host: absolute. */
  readonly path: (file: FileRow) => string
}
