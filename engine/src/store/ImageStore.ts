/**
 * The images: which layers each is made of, who made it, and by what tags it is known.
 *
 * @since 0.1.0
 */
import type { ImageId, OperationId } from "effect-contree/Ids"
import type { Timestamp } from "effect-contree/Timestamp"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Columns from "./Columns.js"
import * as Commit from "./Commit.js"
import * as Damage from "./Damage.js"
import type { Database } from "./Database.js"
import * as ImageRows from "./ImageRows.js"
import { StoreError } from "./StoreError.js"
import * as TagRows from "./TagRows.js"
import type { Transaction } from "./Transaction.js"

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
  /** the folder that runs from this image begin in; empty: the root */
  readonly cwd: string
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
  /** for an image that is known before it is made: one of this id that is there already, and whole, is the result */
  readonly id?: ImageId | undefined
  /** null for an image that no operation of this store made */
  readonly operationId: OperationId | null
  /** null for an image with no layer below: `upper` is then all of it */
  readonly parent: ImageId | null
  /** relative to the store, as `Store.workspace` gave it; nothing may write to it any more */
  readonly upper: string
  readonly tag: Option.Option<string>
  /** the environment to keep with the image; the parent's own when it is to stay as it was */
  readonly env: Readonly<Record<string, string>>
  /** the folder that its runs begin in. Default: the parent's */
  readonly cwd?: string | undefined
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
  /**
   * Newest first: a row for each tag of an image, and one with null for an image without tags. Damaged ones are left out,
   * and a warning in the log names them.
   */
  readonly list: (
    query: ImageQuery
  ) => Effect.Effect<ReadonlyArray<{ readonly row: ImageRow; readonly tag: string | null }>, StoreError>
  /** Fails with `Damaged` when its row cannot be read. */
  readonly get: (id: string) => Effect.Effect<Option.Option<ImageRow>, StoreError>
  readonly findByTag: (tag: string) => Effect.Effect<Option.Option<ImageId>, StoreError>
  /** Moves the tag when another image has it. `None`: no such image. */
  readonly setTag: (id: string, tag: string) => Effect.Effect<Option.Option<ImageRow>, StoreError>
  /** Without a tag: all tags of the image. */
  readonly removeTag: (id: string, tag?: string) => Effect.Effect<"removed" | "no image" | "no tag", StoreError>
  /**
   * Relative to the store, bottom first. Fails with `Missing` when there is no such image, and with `Damaged` when its row
   * cannot be read, or one of these is not there.
   */
  readonly layers: (id: string) => Effect.Effect<ReadonlyArray<string>, StoreError>
  /**
   * Makes an image of what a run left in its upper folder. An upper that equals what is below it but for times, with
   * the parent's environment, makes none: the parent is the result. Cannot be interrupted.
   */
  readonly commit: (input: CommitInput) => Effect.Effect<ImageId, StoreError>
  /** The end of an operation whose image is there already. False, and nothing done: it is not, or not whole. */
  readonly reuse: (
    id: ImageId,
    input: Pick<CommitInput, "tag" | "finish">
  ) => Effect.Effect<boolean, StoreError>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (path: string, database: Database): ImageStore => {
  const tell = Damage.telling()
  return {
    list: (query) =>
      Effect.flatMap(database.read("listing images", (connection) => ImageRows.list(connection, query)), tell),

    get: (id) => database.read(`reading the image ${id}`, (connection) => ImageRows.find(connection, id)),

    findByTag: (tag) =>
      database.read(`reading the tag ${tag}`, (connection) => Option.fromNullable(TagRows.find(connection, tag))),

    setTag: (id, tag) =>
      database.write(`setting the tag ${tag}`, (connection) => {
        TagRows.set(connection, id, tag)
        return ImageRows.find(connection, id)
      }),

    removeTag: (id, tag) =>
      database.write(
        `removing a tag of the image ${id}`,
        (connection) => TagRows.imageExists(connection, id) ? TagRows.remove(connection, id, tag) : "no image"
      ),

    layers: (id) =>
      database.read(`reading the layers of ${id}`, (connection) => ImageRows.layers(connection, path, id)).pipe(
        Effect.flatMap((layers) =>
          layers === undefined
            ? Effect.fail(new StoreError({ reason: "Missing", description: `there is no image ${id} in the store` }))
            : Effect.succeed(layers)
        )
      ),

    commit: (input) =>
      Effect.flatMap(Columns.now, (now) => Commit.commit(path, database, input, now)).pipe(Effect.uninterruptible),

    reuse: (id, input) => Effect.uninterruptible(Commit.reuse(path, database, id, input))
  }
}
