/**
 * Images from registries: found under their tag where the service has them, imported where it has not.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import * as Reference from "../schemas/Reference.js"
import type { KeptImage } from "./Image.js"
import * as ImageHandle from "./ImageHandle.js"
import * as Importing from "./Importing.js"
import * as ImportPlan from "./ImportPlan.js"
import type { Progress } from "./ImportProgress.js"
import * as ImportProgress from "./ImportProgress.js"
import type { Gated } from "./Machine.js"

/**
 * How to import. `username` and `password` go together: one alone is an `InvalidArgumentError`, and an empty one counts
 * as none. They go to the service with the request, and into no error, span or log.
 *
 * @since 0.1.0
 * @category options
 */
export interface ImportOptions {
  /** the name of the image on the service; default: `Reference.toTag` of the reference */
  readonly tag?: string | undefined
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted<string> | undefined
  /** the server gives up after this; whole seconds, rounded up; default: the server's, often 5 minutes */
  readonly timeout?: Duration.DurationInput | undefined
  /** our own clock, from when the import is accepted: then `OperationTimedOutError`, and it is cancelled; default: none */
  readonly waitTimeout?: Duration.DurationInput | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export type Import = (
  ref: Reference.Input,
  options?: ImportOptions
) => Effect.Effect<KeptImage, Errors.ImportError>

/**
 * The part of `Images` that fetches from registries.
 *
 * An import counts against `concurrency.imports`. Interrupting one cancels it on the service, as `waitTimeout` does; one
 * whose request is on its way is waited for (at most 10 seconds) and then cancelled, and its request is sent again only
 * after an answer that says that nothing was done (425, 429). Once the layer is closed nothing is looked up and nothing
 * imported: all of it fails with `DisposableImageRunError`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * The image with that tag (the `tag` of the options, else the one of the reference), imported if there is none. What
   * has the tag already is taken as it is: no registry is asked whether it has a newer one (`importFrom` fetches that).
   *
   * An id gives that image, `tag:NAME` the one with the tag; neither can be imported, so what is not there is a
   * `NotFoundError`. A tag beside an id is an `InvalidArgumentError`.
   *
   * @example
   * ```ts
   * import * as Images from "effect-contree/Images"
   * import * as Effect from "effect/Effect"
   *
   * const python = Effect.flatMap(Images.Images, (images) => images.oci("python:3.12-slim", { timeout: "10 minutes" }))
   * ```
   */
  readonly oci: Import
  /** The same as `oci`. */
  readonly docker: Import
  /** The same as `oci`. */
  readonly podman: Import
  /** The same as `oci`. */
  readonly pullByOci: Import
  /**
   * Imports, whatever is there already, and moves the tag to what came. An id or `tag:NAME` is an
   * `InvalidReferenceError`: nothing was sent. An import that succeeds without an image is a `FailedOperationError`.
   */
  readonly importFrom: Import
  /**
   * `importFrom`, told as it goes. It ends with `Imported`, or fails as `importFrom` does; leaving it before cancels the
   * import.
   *
   * @example
   * ```ts
   * import * as Images from "effect-contree/Images"
   * import * as Console from "effect/Console"
   * import * as Duration from "effect/Duration"
   * import * as Effect from "effect/Effect"
   * import * as Stream from "effect/Stream"
   *
   * const program = Effect.flatMap(Images.Images, (images) =>
   *   images.importStream("debian:12").pipe(
   *     Stream.tap((step) => Console.log(Duration.format(step.elapsed), step._tag)),
   *     Stream.runLast
   *   ))
   * ```
   */
  readonly importStream: (
    ref: Reference.Input,
    options?: ImportOptions
  ) => Stream.Stream<Progress, Errors.ImportError>
  /**
   * An id gives that image. A URL with a host (`docker://docker.io/library/x`), a parsed OCI reference, and anything with
   * credentials is imported. Any other text is a tag, taken letter by letter: `library/x` is not `x` here. `newTag` is for what is imported.
   *
   * @deprecated it decides by the look of its argument: `oci` finds or imports, `importFrom` imports, `use` finds
   */
  readonly pull: (
    ref: Reference.Input,
    options?: Omit<ImportOptions, "tag"> & { readonly newTag?: string | undefined }
  ) => Effect.Effect<KeptImage, Errors.ImportError>
}

const byId = (deps: Gated, id: Ids.ImageId): Effect.Effect<KeptImage, Errors.LookupError> =>
  Effect.as(deps.api.inspectImage(id), ImageHandle.kept(deps, id, Option.none()))

const byTag = (deps: Gated, tag: Ids.Tag): Effect.Effect<KeptImage, Errors.LookupError> =>
  Effect.map(deps.api.findImageByTag(tag), (id) => ImageHandle.kept(deps, id, Option.some(tag)))

const oci = (deps: Gated, method: string): Import => (ref, options) =>
  Effect.gen(function*() {
    yield* deps.gate.check(method)
    const plan = yield* ImportPlan.find(method, ref, options ?? {})
    if (plan._tag === "Id") return yield* byId(deps, plan.id)
    const found = byTag(deps, plan.tag)
    return yield* Option.match(plan.plan, {
      onNone: () => found,
      onSome: (plan) => Effect.catchTag(found, "NotFoundError", () => Importing.toEnd(deps, method, plan))
    })
  })

const pull = (deps: Gated, method: string): Service["pull"] => (ref, options) =>
  Effect.gen(function*() {
    yield* deps.gate.check(method)
    const plan = yield* ImportPlan.pull(method, ref, options ?? {})
    switch (plan._tag) {
      case "Id":
        return yield* byId(deps, plan.id)
      case "Tag":
        return yield* byTag(deps, plan.tag)
      case "Import":
        return yield* Importing.toEnd(deps, method, plan.plan)
    }
  })

const attributes = (deps: Gated, ref: Reference.Input) => ({
  attributes: {
    "contree.image": deps.scrub(
      Either.match(Reference.fromInput(ref), { onLeft: () => "not a reference", onRight: Reference.format })
    )
  }
})

/**
 * @internal
 */
export const make = (deps: Gated): Service => {
  const finding = (name: "oci" | "docker" | "podman" | "pullByOci"): Import => {
    const find = oci(deps, `Images.${name}`)
    return (ref, options) => Effect.withSpan(find(ref, options), `Contree.Images.${name}`, attributes(deps, ref))
  }
  const planned = (method: string, ref: Reference.Input, options: ImportOptions = {}) =>
    Effect.zipRight(deps.gate.check(method), Effect.suspend(() => ImportPlan.plan(method, ref, options)))
  const fetch: Import = (ref, options) =>
    Effect.flatMap(
      planned("Images.importFrom", ref, options),
      (plan) => Importing.toEnd(deps, "Images.importFrom", plan)
    )
  const pulling = pull(deps, "Images.pull")
  return {
    oci: finding("oci"),
    docker: finding("docker"),
    podman: finding("podman"),
    pullByOci: finding("pullByOci"),
    importFrom: (ref, options) =>
      Effect.withSpan(fetch(ref, options), "Contree.Images.importFrom", attributes(deps, ref)),
    importStream: (ref, options) =>
      Stream.unwrap(Effect.map(
        planned("Images.importStream", ref, options),
        (plan) => ImportProgress.make(deps, "Images.importStream", plan)
      )).pipe(Stream.withSpan("Contree.Images.importStream", attributes(deps, ref))),
    pull: (ref, options) => Effect.withSpan(pulling(ref, options), "Contree.Images.pull", attributes(deps, ref))
  }
}
