/**
 * The images of a service: where every program begins.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type * as Reference from "../schemas/Reference.js"
import type { Image, KeptImage } from "./Image.js"

/**
 * A moment, or so long ago. A bare number would be milliseconds to one reader and seconds to another, and is refused.
 *
 * @since 0.1.0
 * @category options
 */
export type When = DateTime.DateTime | Date | Duration.Duration | `${number} ${Duration.Unit}`

/**
 * Everything that is given must hold.
 *
 * @since 0.1.0
 * @category options
 */
export interface Filter {
  /** has a tag */
  readonly tagged?: boolean | undefined
  /** has a tag that begins so */
  readonly tagPrefix?: string | undefined
  readonly id?: Ids.ImageId | undefined
  /** made at this moment or later */
  readonly since?: When | undefined
  /** made at this moment or earlier; default: now, so that pages do not shift while they are read */
  readonly until?: When | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface ListOptions extends Filter {
  /** how many at most; default: 100 */
  readonly number?: number | "all" | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * A handle. Nothing is asked of the service, which looks at every use of a handle anew; `strict: true` asks at once,
   * pins a tag to the image that has it, and fails with `NotFoundError` when there is none.
   *
   * An id is used as it is; `tag:NAME` and an image reference name a tag (`busybox` and `docker.io/library/busybox` are
   * both `busybox`: the tag an import gives).
   */
  readonly use: <const S extends boolean = false>(
    ref: Reference.Input,
    options?: { readonly strict?: S | undefined }
  ) => Effect.Effect<
    S extends true ? KeptImage : Image,
    Errors.InvalidReferenceError | (S extends true ? Errors.LookupError : never)
  >
  readonly list: (
    options?: ListOptions
  ) => Effect.Effect<ReadonlyArray<KeptImage>, Errors.RequestError | Errors.InvalidArgumentError>
  /** Pages as they are read, up to 1000 at once. */
  readonly stream: (filter?: Filter) => Stream.Stream<KeptImage, Errors.RequestError | Errors.InvalidArgumentError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Images extends Context.Tag("effect-contree/Images")<Images, Service>() {}
