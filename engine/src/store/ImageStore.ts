/**
 * The images: which layers each is made of, who made it, and by what tags it is known.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { ImageId, OperationId } from "effect-contree/Ids"
import type { Timestamp } from "effect-contree/Timestamp"
import type * as Option from "effect/Option"
import type { Transaction } from "./Database.js"
import type { StoreError } from "./StoreError.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface ImageRow {
  readonly id: ImageId
  readonly parent: Option.Option<ImageId>
  readonly operationId: Option.Option<OperationId>
  readonly createdAt: Timestamp
  /** in alphabetical order */
  readonly tags: ReadonlyArray<string>
  /** the environment that runs from this image start with */
  readonly env: Readonly<Record<string, string>>
}

/**
 * A page of images and its filters; both ends of the time span are included. `tagPrefix` and `tagged` leave out images
 * without a (matching) tag, and tags that do not match.
 *
 * @since 0.1.0
 * @category models
 */
export interface ImageQuery {
  readonly limit: number
  readonly offset: number
  readonly tagged?: boolean | undefined
  readonly tagPrefix?: string | undefined
  readonly id?: string | undefined
  readonly since?: Timestamp | undefined
  readonly until?: Timestamp | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface CommitInput {
  /** null for an image that no operation of this store made */
  readonly operationId: OperationId | null
  /** null for an image with no layer below: `upper` is then all of it */
  readonly parent: ImageId | null
  /** relative to the store, as `Store.workspace` gave it; nothing may write to it any more */
  readonly upper: string
  readonly tag: Option.Option<string>
  /** the environment to keep with the image; the parent's own when it is to stay as it was */
  readonly env: Readonly<Record<string, string>>
  /**
   * Runs inside the transaction that makes the image visible; a throw takes everything back. `sizeBytes` counts the
   * bytes of the new layer's files, 0 when nothing changed and `image` is the parent.
   */
  readonly finish: (image: ImageId, sizeBytes: number, tx: Transaction) => void
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ImageStore {
  /** Newest first: a row for each tag of an image, and one with null for an image without tags. */
  readonly list: (
    query: ImageQuery
  ) => Effect.Effect<ReadonlyArray<{ readonly row: ImageRow; readonly tag: string | null }>, StoreError>
  readonly get: (id: string) => Effect.Effect<Option.Option<ImageRow>, StoreError>
  readonly findByTag: (tag: string) => Effect.Effect<Option.Option<ImageId>, StoreError>
  /** Moves the tag when another image has it. `None`: no such image. */
  readonly setTag: (id: string, tag: string) => Effect.Effect<Option.Option<ImageRow>, StoreError>
  /** Without a tag: all tags of the image. */
  readonly removeTag: (id: string, tag?: string) => Effect.Effect<"removed" | "no image" | "no tag", StoreError>
  /** Relative to the store, bottom first. Fails with `Missing` when there is no such image. */
  readonly layers: (id: string) => Effect.Effect<ReadonlyArray<string>, StoreError>
  /**
   * Makes an image of what a run left in its upper folder. An upper that equals what is below it but for times, with
   * the parent's environment, makes none: the parent is the result. Cannot be interrupted.
   */
  readonly commit: (input: CommitInput) => Effect.Effect<ImageId, StoreError>
}
