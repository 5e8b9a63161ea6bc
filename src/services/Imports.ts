/**
 * Images from registries: found under their tag where the service has them, imported where it has not.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import { scrubDeep, scrubError } from "../internal/CredentialScrub.js"
import type { Lifecycle } from "../internal/ProcessLifecycle.js"
import * as Errors from "../schemas/Errors.js"
import type * as Event from "../schemas/Event.js"
import type * as Ids from "../schemas/Ids.js"
import * as Reference from "../schemas/Reference.js"
import { isTerminal } from "../schemas/Wire.js"
import type { KeptImage } from "./Image.js"
import * as ImageHandle from "./ImageHandle.js"
import { within } from "./ImageRuns.js"
import * as ImportPlan from "./ImportPlan.js"
import { launchWith } from "./Launch.js"
import type { Gated } from "./Machine.js"
import { toStatus } from "./OperationData.js"
import type * as Operations from "./Operations.js"
import * as Views from "./ProcessViews.js"

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

interface Step {
  readonly operationId: Ids.OperationId
  /** since the import was accepted, by our clock */
  readonly elapsed: Duration.Duration
}

/**
 * What an import tells of itself. The protocol has no word for how much of an image has come, so this is all that a
 * server may say: that it took the import on, each new status (asked for every 2 seconds), each line of its log where it
 * keeps one for imports (with what this version does not know as `Unknown`, raw), and at the end the image.
 *
 * @since 0.1.0
 * @category models
 */
export type Progress =
  | Step & { readonly _tag: "Accepted" }
  | Step & { readonly _tag: "Status"; readonly status: Operations.Status }
  | Step & { readonly _tag: "Event"; readonly event: Operations.Event }
  | Step & { readonly _tag: "Imported"; readonly image: KeptImage }

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

// ---------------------------------------------------------------------------------------------------------- import

interface Begun {
  readonly lifecycle: Lifecycle
  readonly views: Views.Views
}

const begin = (
  deps: Gated,
  method: string,
  plan: ImportPlan.Plan
): Effect.Effect<Begun, Errors.ImportError, Scope> => {
  const { api } = deps
  // what a server says when it cannot be cancelled is logged
  const quiet = { ...api, cancelOperation: (id: Ids.OperationId) => hidden(plan, api.cancelOperation(id)) }
  return launchWith<Errors.LookupError | Errors.TooEarlyError | Errors.DisposableImageRunError>(
    { ...deps, api: quiet },
    {
      method,
      what: "import",
      where: `of ${plan.request.registry.url}`,
      check: deps.gate.check(method),
      request: api.importImage(plan.request)
    }
  ).pipe(
    Effect.tap(({ operationId }) => Effect.annotateCurrentSpan("contree.operation", operationId)),
    Effect.map((lifecycle) => ({ lifecycle, views: Views.make({ api, method, lifecycle }) }))
  )
}

/** without the credentials, which a server's words may repeat */
const hidden = <A, E extends Errors.ContreeError, R>(
  { scrub }: ImportPlan.Plan,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => Effect.mapError(self, (error) => scrubError(error, scrub))

const conclude = (
  deps: Gated,
  method: string,
  plan: ImportPlan.Plan,
  { views }: Begun
): Effect.Effect<KeptImage, Errors.ImportError> =>
  Effect.flatMap(views.ending, ({ operation }) => {
    const id = operation.result_image_uuid ?? operation.result?.image
    return id === undefined || id === null
      ? new Errors.FailedOperationError({
        method,
        operationId: operation.uuid,
        description: "the import succeeded, and the service names no image that came of it"
      })
      : Effect.succeed(ImageHandle.kept(deps, id, Option.some(plan.tag)))
  })

const timedOut = (
  method: string,
  { lifecycle }: Begun
) =>
(limit: Duration.Duration): Errors.OperationTimedOutError =>
  new Errors.OperationTimedOutError({
    method,
    operationId: lifecycle.operationId,
    description: `waited ${Duration.format(limit)}, and the import is cancelled`
  })

const importing = (
  deps: Gated,
  method: string,
  plan: ImportPlan.Plan
): Effect.Effect<KeptImage, Errors.ImportError> =>
  Effect.gen(function*() {
    const begun = yield* begin(deps, method, plan)
    const ended = conclude(deps, method, plan, begun)
    return yield* Option.match(plan.waitTimeout, {
      onNone: () => ended,
      onSome: (duration) => Effect.timeoutFail(ended, { duration, onTimeout: () => timedOut(method, begun)(duration) })
    })
  }).pipe(Effect.scoped, (self) => hidden(plan, self))

// -------------------------------------------------------------------------------------------------------- progress

const statusPause = Duration.seconds(2)

/** Each status that is new. What cannot be read now is asked for again: the log decides what is a failure. */
const statuses = (api: Gated["api"], id: Ids.OperationId): Stream.Stream<Operations.Status> =>
  Stream.repeatEffectWithSchedule(Effect.option(api.getOperation(id)), Schedule.spaced(statusPause)).pipe(
    Stream.filterMap((operation) => operation),
    Stream.takeUntil((operation) => isTerminal(operation.status)),
    Stream.map((operation) => toStatus(operation.status)),
    Stream.changes
  )

const withoutSecrets = (plan: ImportPlan.Plan, event: Event.OperationEvent): Event.OperationEvent => ({
  ...event,
  data: scrubDeep(event.data, plan.scrub) as Event.OperationEvent["data"]
})

const progress = (
  deps: Gated,
  method: string,
  plan: ImportPlan.Plan
): Stream.Stream<Progress, Errors.ImportError> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const begun = yield* begin(deps, method, plan)
    const { operationId } = begun.lifecycle
    const start = yield* Clock.currentTimeMillis
    const step = Effect.map(Clock.currentTimeMillis, (now): Step => ({
      operationId,
      elapsed: Duration.millis(now - start)
    }))
    const told = begun.views.events.pipe(
      Stream.mapEffect((event) =>
        Effect.map(step, (at): Progress => ({
          ...at,
          _tag: "Event",
          event: Views.toEvent(withoutSecrets(plan, event))
        }))
      ),
      Stream.merge(
        Stream.mapEffect(
          statuses(deps.api, operationId),
          (status) => Effect.map(step, (at): Progress => ({ ...at, _tag: "Status", status }))
        ),
        { haltStrategy: "left" }
      )
    )
    const imported = Effect.zipWith(
      conclude(deps, method, plan, begun),
      step,
      (image, at): Progress => ({ ...at, _tag: "Imported", image })
    )
    const accepted: Stream.Stream<Progress> = Stream.fromEffect(
      Effect.map(step, (at): Progress => ({ ...at, _tag: "Accepted" }))
    )
    const all = Stream.concat(accepted, Stream.concat(told, Stream.fromEffect(imported)))
    return within(all, plan.waitTimeout, timedOut(method, begun))
  })).pipe(Stream.mapError((error) => scrubError(error, plan.scrub)))

// --------------------------------------------------------------------------------------------------------- finding

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
      onSome: (plan) => Effect.catchTag(found, "NotFoundError", () => importing(deps, method, plan))
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
        return yield* importing(deps, method, plan.plan)
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
      (plan) => importing(deps, "Images.importFrom", plan)
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
        (plan) => progress(deps, "Images.importStream", plan)
      )).pipe(Stream.withSpan("Contree.Images.importStream", attributes(deps, ref))),
    pull: (ref, options) => Effect.withSpan(pulling(ref, options), "Contree.Images.pull", attributes(deps, ref))
  }
}
