/**
 * The value behind `Image`: an image by id or by tag, or none.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import * as Pull from "../internal/Pull.js"
import * as RunGate from "../internal/RunGate.js"
import * as Command from "../schemas/Command.js"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type * as Wire from "../schemas/Wire.js"
import type * as File from "./File.js"
import type { For, Image, Info, KeptImage, StartOptions } from "./Image.js"
import { Base, disposed } from "./ImageDisposed.js"
import * as ImageFiles from "./ImageFiles.js"
import * as ImageRuns from "./ImageRuns.js"
import * as ImageTags from "./ImageTags.js"
import type { Gated } from "./Machine.js"
import * as Popen from "./Popen.js"
import * as ProcessHandle from "./ProcessHandle.js"
import type * as RunOutcome from "./RunOutcome.js"
import * as RunRequest from "./RunRequest.js"
import type { Busy, Concurrency, Session, SessionOptions } from "./Session.js"
import * as SessionHandle from "./SessionHandle.js"

// -------------------------------------------------------------------------------------------------------- what a run leaves

const keptFrom =
  (deps: Gated) => (tag: Option.Option<Ids.Tag>): RunOutcome.ToImage<KeptImage> => (operation, _, say) => {
    const id = operation.result_image_uuid ?? operation.result?.image
    if (id === undefined || id === null) {
      return say("it left no image, although one was asked for; a command that is killed by its timeout may leave none")
    }
    const image = kept(deps, id, tag)
    return Option.match(tag, {
      onNone: () => Effect.succeed(image),
      onSome: (name) => Effect.as(ImageTags.set(deps, id, name, say), image)
    })
  }

/**
 * The result of a run that somebody else asked for: with its image, if it left one.
 *
 * @internal
 */
export const anyFrom = (deps: Gated): RunOutcome.ToImage<Image> => (operation) => {
  const id = operation.result_image_uuid ?? operation.result?.image
  return Effect.succeed(id === undefined || id === null ? disposed : kept(deps, id, Option.none()))
}

const target = <D extends boolean>(
  deps: Gated,
  image: string,
  disposable: D | undefined
): ImageRuns.Target<For<D>> => {
  const common = { deps, image }
  const chosen = disposable ?? true
    ? { ...common, disposable: true, toImage: () => () => Effect.succeed(disposed) }
    : { ...common, disposable: false, toImage: keptFrom(deps) }
  // `D` is the value just tested, which a conditional type over it cannot follow
  return chosen as ImageRuns.Target<For<D>>
}

// ------------------------------------------------------------------------------------------------------------- image

type Ref = { readonly id: Ids.ImageId } | { readonly tag: Ids.Tag }

const wireName = (ref: Ref): string => "id" in ref ? ref.id : `tag:${ref.tag}`

class ImageImpl<Id extends Option.Option<Ids.ImageId>> extends Base implements Image {
  readonly #deps: Gated
  readonly #ref: Ref
  readonly #files: ImageFiles.Reader

  constructor(deps: Gated, ref: Ref, readonly id: Id, readonly tag: Option.Option<Ids.Tag>) {
    super()
    this.#deps = deps
    this.#ref = ref
    this.#files = ImageFiles.make(deps, wireName(ref), this.#resolve)
  }

  /** the image's id, looked up anew for a tag */
  readonly #resolve = (
    method: string
  ): Effect.Effect<Ids.ImageId, Errors.LookupError | Errors.DisposableImageRunError> =>
    Effect.zipRight(
      this.#deps.gate.check(method),
      "id" in this.#ref ? Effect.succeed(this.#ref.id) : this.#deps.api.findImageByTag(this.#ref.tag)
    )

  readonly #span = (method: string) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.withSpan(self, `Contree.${method}`, {
      attributes: { "contree.image": this.#deps.scrub(wireName(this.#ref)) }
    })

  get state(): Image["state"] {
    return Effect.sync(() => this.#deps.gate.isOpen() ? "Pulled" : "Disposed")
  }

  readonly run: Image["run"] = (command, options = {}) =>
    ImageRuns.run("Image.run", target(this.#deps, wireName(this.#ref), options.disposable), command, options).pipe(
      this.#span("Image.run")
    )

  readonly stream: Image["stream"] = (command, options = {}) =>
    ImageRuns.stream("Image.stream", target(this.#deps, wireName(this.#ref), true), command, options).pipe(
      Pull.withSpan("Contree.Image.stream", {
        attributes: { "contree.image": this.#deps.scrub(wireName(this.#ref)) }
      }),
      Pull.toStream
    )

  readonly start: Image["start"] = (command, options = {}) =>
    this.#start("Image.start", command, options).pipe(this.#span("Image.start"))

  readonly popen: Image["popen"] = <
    const T extends boolean = false,
    const C extends boolean = false,
    EO = never,
    RO = never,
    EE = never,
    RE = never
  >(
    args: string | ReadonlyArray<string>,
    options: Popen.Options<T, C, EO, RO, EE, RE> = {}
  ) =>
    Popen.make((command, chosen) => this.#start("Image.popen", command, chosen), args, options).pipe(
      this.#span("Image.popen")
    )

  #start<const D extends boolean = true, const F extends File.Content = never>(
    method: string,
    command: Command.Command,
    { stdin = "pipe", ...options }: StartOptions<D, F>
  ) {
    const goal = target(this.#deps, wireName(this.#ref), options.disposable)
    const isStdinOpen = stdin === "pipe"
    const input = isStdinOpen ? { isPiped: true } : { stdin }
    return Effect.map(
      ImageRuns.start<For<D>, F, never, never>(method, goal, command, { ...options, ...input }),
      ({ lifecycle, plan }) =>
        ProcessHandle.make(this.#deps, { lifecycle, toImage: goal.toImage(plan.tag), isStdinOpen })
    )
  }

  readonly session: Image["session"] = <const Q extends Concurrency = "queue">(options: SessionOptions<Q> = {}) =>
    Effect.map(this.#deps.gate.check("Image.session"), () => SessionHandle.make(this, options))

  get scratch(): Image["scratch"] {
    return this.#scratch<"queue">("Image.scratch", {})
  }

  readonly scratchWith: Image["scratchWith"] = (options) => this.#scratch("Image.scratchWith", options)

  #scratch<Q extends Concurrency>(
    method: string,
    options: SessionOptions<Q>
  ): Effect.Effect<Session<Busy<Q>>, Errors.DisposableImageRunError, Scope> {
    const { api, gate } = this.#deps
    return Effect.zipRight(gate.check(method), RunGate.make(gate, ImageTags.remove(api))).pipe(
      Effect.map((inner) => {
        const inside = new ImageImpl({ ...this.#deps, gate: inner }, this.#ref, this.id, this.tag)
        return SessionHandle.make(inside, options)
      })
    )
  }

  get inspect(): Image["inspect"] {
    return this.#resolve("Image.inspect").pipe(
      Effect.flatMap(this.#deps.api.inspectImage),
      Effect.map(ImageTags.infoOf),
      this.#span("Image.inspect")
    )
  }

  get ls(): Image["ls"] {
    return this.#files.ls
  }
  get exists(): Image["exists"] {
    return this.#files.exists
  }
  get read(): Image["read"] {
    return this.#files.read
  }
  get readText(): Image["readText"] {
    return this.#files.readText
  }
  get readStream(): Image["readStream"] {
    return this.#files.readStream
  }
  get archive(): Image["archive"] {
    return this.#files.archive
  }
  get grep(): Image["grep"] {
    return this.#files.grep
  }
  get download(): Image["download"] {
    return this.#files.download
  }
  get downloadDirectory(): Image["downloadDirectory"] {
    return this.#files.downloadDirectory
  }

  readonly tagAs: Image["tagAs"] = (tag) =>
    Effect.gen(this, function*() {
      const name = yield* RunRequest.tag("Image.tagAs", tag)
      const id = yield* this.#resolve("Image.tagAs")
      yield* ImageTags.put("Image.tagAs", this.#deps, id, name)
      return kept(this.#deps, id, Option.some(name))
    }).pipe(this.#span("Image.tagAs"))

  readonly untag: Image["untag"] = (tag) =>
    Effect.gen(this, function*() {
      const name = tag === undefined ? Option.getOrUndefined(this.tag) : yield* RunRequest.tag("Image.untag", tag)
      if (name === undefined) {
        return yield* new Errors.InvalidArgumentError({
          method: "Image.untag",
          argument: "tag",
          description: "this handle has no tag of its own: say which to remove"
        })
      }
      const id = yield* this.#resolve("Image.untag")
      yield* this.#deps.api.deleteImageTag(id, name)
      yield* this.#deps.gate.untagged(id, name)
      const left = Option.filter(this.tag, (own) => own !== name)
      return kept(this.#deps, id, left)
    }).pipe(this.#span("Image.untag"))

  readonly applyFiles: Image["applyFiles"] = <const F extends File.Content>(
    files: File.Files<F>,
    options?: { readonly tag?: string | undefined }
  ) =>
    // `check`: files that were not put in place must not look as if they were
    ImageRuns.run<KeptImage, true, F, never, never, never, never, never, never>(
      "Image.applyFiles",
      target(this.#deps, wireName(this.#ref), false),
      Command.exec("true"),
      { files, tag: options?.tag, check: true }
    ).pipe(
      Effect.map(({ image }) => image),
      Effect.catchIf(isCommandFailed, (e) =>
        Effect.fail(
          new Errors.FailedOperationError({
            method: "Image.applyFiles",
            operationId: e.operationId,
            exit: e.exit,
            stdoutTail: e.stdoutTail,
            stderrTail: e.stderrTail,
            description: "the run that should only have kept the files failed: has the image a program named true?"
          })
        )),
      this.#span("Image.applyFiles")
    )

  toJSON(): unknown {
    return {
      _id: "Image",
      ...(Option.isSome(this.id) ? { id: this.id.value } : {}),
      ...(Option.isSome(this.tag) ? { tag: this.tag.value } : {}),
      ...(this.#deps.gate.isOpen() ? {} : { state: "Disposed" })
    }
  }
}

// a file's own error may have any shape, so a tag alone does not tell them apart
const isCommandFailed = (e: unknown): e is Errors.CommandFailedError => e instanceof Errors.CommandFailedError

class KeptImpl extends ImageImpl<Option.Some<Ids.ImageId>> implements KeptImage {
  readonly createdAt: Info["createdAt"]
  readonly operationId: Info["operationId"]

  constructor(deps: Gated, { createdAt, id, operationId, tag }: Info) {
    // `Option.some` is typed as the union
    super(deps, { id }, Option.some(id) as Option.Some<Ids.ImageId>, tag)
    this.createdAt = createdAt
    this.operationId = operationId
  }
}

/**
 * A row of a list.
 *
 * @internal
 */
export const listed = (deps: Gated, row: Wire.Image): KeptImage => new KeptImpl(deps, ImageTags.infoOf(row))

/**
 * An image with an id.
 *
 * @internal
 */
export const kept = (deps: Gated, id: Ids.ImageId, tag: Option.Option<Ids.Tag>): KeptImage =>
  new KeptImpl(deps, { id, tag, createdAt: Option.none(), operationId: Option.none() })

/**
 * Whatever has this tag, whenever it is used.
 *
 * @internal
 */
export const tagged = (deps: Gated, tag: Ids.Tag): Image =>
  new ImageImpl(deps, { tag }, Option.none<Ids.ImageId>(), Option.some(tag))
