/**
 * The images of a service: where every program begins.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as RunGate from "../internal/RunGate.js"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import * as Reference from "../schemas/Reference.js"
import type * as Wire from "../schemas/Wire.js"
import type { ContreeApi, ImageQuery } from "./ContreeApi.js"
import type { ContreeConfig } from "./ContreeConfig.js"
import type { Image, KeptImage } from "./Image.js"
import * as ImageHandle from "./ImageHandle.js"
import * as ImageKinds from "./ImageKinds.js"
import * as Imports from "./Imports.js"
import type { Gated } from "./Machine.js"
import * as Machine from "./Machine.js"
import * as Paging from "./Paging.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Progress
} from "./ImportProgress.js"
export type {
  /**
   * @since 0.1.0
   * @category options
   */
  ImportOptions
} from "./Imports.js"

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
  /**
   * `"instance"`: left by a run; `"imported"`: from a registry, or there without an operation of this project (public
   * ones). The service says neither, so each image's operation is looked up (once each, 8 at a time), and all images
   * are read until `number` of them are of this kind. An image whose operation is gone (they age out) is of neither: its
   * tag could be that of an import that was moved to a run's image, so it is left out rather than guessed at.
   */
  readonly kind?: "instance" | "imported" | undefined
  /** `true`: has a tag; `false`: has none (the service cannot look for that: all images are read, and these kept) */
  readonly tagged?: boolean | undefined
  /** has a tag that begins so */
  readonly tagPrefix?: string | undefined
  readonly id?: Ids.ImageId | undefined
  /** made at this moment or later */
  readonly since?: When | undefined
  /**
   * made at this moment or earlier; default: a minute from now (clocks differ). What is made while pages are read gives
   * no row twice.
   */
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
export interface Service extends Imports.Service {
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

/** `use` without a request: what the reference says */
const handle = (deps: Gated, ref: Reference.Reference): Either.Either<Image, Errors.InvalidReferenceError> => {
  if (ref._tag === "Id") return Either.right(ImageHandle.kept(deps, ref.id, Option.none()))
  return Option.match(Reference.toTag(ref), {
    onNone: () =>
      Either.left(
        new Errors.InvalidReferenceError({
          method: "Images.use",
          reference: Reference.format(ref),
          description: "no tag can stand for it: it is too long, or has characters that a tag cannot have"
        })
      ),
    onSome: (tag) => Either.right(ImageHandle.tagged(deps, tag))
  })
}

/** asks the service whether it is there, and which image a tag names now */
const pin = (deps: Gated, image: Image): Effect.Effect<KeptImage, Errors.LookupError> =>
  Option.match(image.id, {
    onSome: (id) => Effect.as(deps.api.inspectImage(id), ImageHandle.kept(deps, id, image.tag)),
    onNone: () =>
      Effect.map(
        deps.api.findImageByTag(Option.getOrElse(image.tag, () => "")),
        (id) => ImageHandle.kept(deps, id, image.tag)
      )
  })

const use = (deps: Gated): Service["use"] =>
<const S extends boolean = false>(
  ref: Reference.Input,
  options?: { readonly strict?: S | undefined }
) => {
  type Failure = Errors.InvalidReferenceError | (S extends true ? Errors.LookupError : never)
  type Found = S extends true ? KeptImage : Image
  // What comes out depends on the value of `strict`, which its type knows; the function says so once for all.
  // @effect-diagnostics-next-line missingEffectError:off
  const find = (options?.strict === true ? (image: Image) => pin(deps, image) : Effect.succeed) as (
    image: Image
  ) => Effect.Effect<Found, Failure>
  return Effect.suspend(() => Reference.fromInput(ref)).pipe(
    Effect.flatMap((parsed) => handle(deps, parsed)),
    Effect.flatMap(find),
    Effect.withSpan("Contree.Images.use")
  )
}

const toQuery = (filter: Filter | undefined): Effect.Effect<ImageQuery, Errors.InvalidArgumentError> =>
  Effect.map(Paging.period("Images.list", filter), (period) => ({
    ...period,
    ...(filter?.tagged === true ? { tagged: true as const } : {}),
    tag: filter?.tagPrefix,
    uuid: filter?.id
  }))

/** What the wire has no word for is picked here, of all that it gives, and counted after that. */
const rows = (
  deps: Gated,
  filter: Filter | undefined,
  number: number,
  fetch: Parameters<typeof Paging.pages<Wire.Image, Errors.RequestError>>[1]
): Stream.Stream<Wire.Image, Errors.RequestError> => {
  if (filter?.tagged !== false && filter?.kind === undefined) return Paging.pages(number, fetch)
  if (number === 0) return Stream.empty
  const all = Paging.pages(Infinity, fetch)
  const untagged = filter.tagged === false ? Stream.filter(all, ({ tag }) => (tag ?? "") === "") : all
  const picked = filter.kind === undefined ? untagged : ImageKinds.only(deps.api, filter.kind, untagged)
  return number === Infinity ? picked : Stream.take(picked, number)
}

const stream = (
  deps: Gated,
  filter: Filter | undefined,
  number: number
): Stream.Stream<KeptImage, Errors.RequestError | Errors.InvalidArgumentError> =>
  Stream.unwrap(Effect.map(toQuery(filter), (query) =>
    Stream.map(
      rows(deps, filter, number, (page) => deps.api.listImages({ ...query, ...page })),
      (image) => ImageHandle.listed(deps, image)
    )))

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Service, never, ContreeApi | ContreeConfig> = Effect.map(
  Machine.make,
  (machine) => {
    const deps: Gated = { ...machine, gate: RunGate.rootOf(machine.api) }
    return Images.of({
      ...Imports.make(deps),
      use: use(deps),
      list: (options) =>
        Paging.count("Images.list", options?.number).pipe(
          Effect.flatMap((number) => Stream.runCollect(stream(deps, options, number))),
          Effect.map(Chunk.toReadonlyArray),
          Effect.withSpan("Contree.Images.list")
        ),
      stream: (filter) => Stream.withSpan(stream(deps, filter, Infinity), "Contree.Images.stream")
    })
  }
)
