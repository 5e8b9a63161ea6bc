/**
 * What an import asks for, checked before anything is sent.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { credentialScrubber } from "../internal/CredentialScrub.js"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import * as Reference from "../schemas/Reference.js"
import type * as Wire from "../schemas/Wire.js"
import type { ImportOptions } from "./Imports.js"
import * as RunRequest from "./RunRequest.js"

/**
 * An import that can be asked for.
 *
 * @internal
 */
export interface Plan {
  readonly request: Wire.ImageImportRequest
  readonly tag: Ids.Tag
  readonly waitTimeout: Option.Option<Duration.Duration>
  /** takes the credentials out of a text */
  readonly scrub: (text: string) => string
}

/**
 * How a reference is found, and imported when it is not there.
 *
 * @internal
 */
export type Finding =
  | { readonly _tag: "Id"; readonly id: Ids.ImageId }
  | { readonly _tag: "Named"; readonly tag: Ids.Tag; readonly plan: Option.Option<Plan> }

/**
 * What the old `pull` makes of its argument.
 *
 * @internal
 */
export type Pulling =
  | { readonly _tag: "Id"; readonly id: Ids.ImageId }
  | { readonly _tag: "Tag"; readonly tag: Ids.Tag }
  | { readonly _tag: "Import"; readonly plan: Plan }

type Checked<A> = Either.Either<A, Errors.InvalidReferenceError | Errors.InvalidArgumentError>

interface Options extends Omit<ImportOptions, "tag"> {
  readonly tag: Option.Option<Ids.Tag>
}

const refuse = (method: string, argument: string, description: string): Checked<never> =>
  Either.left(new Errors.InvalidArgumentError({ method, argument, description }))

const noImage = (method: string, reference: Reference.Reference, description: string): Checked<never> =>
  Either.left(new Errors.InvalidReferenceError({ method, reference: Reference.format(reference), description }))

const nameOf = (
  method: string,
  argument: "tag" | "newTag",
  tag: string | undefined
): Checked<Option.Option<Ids.Tag>> =>
  tag === undefined ? Either.right(Option.none()) : Either.mapBoth(RunRequest.tag(method, tag), {
    onLeft: (error) => new Errors.InvalidArgumentError({ ...error, argument }),
    onRight: Option.some
  })

type Credentials = NonNullable<Wire.ImageImportRequest["registry"]["credentials"]>

const credentialsOf = (method: string, options: ImportOptions): Checked<Credentials | undefined> => {
  const username = options.username ?? ""
  const password = options.password === undefined ? "" : Redacted.value(options.password)
  if (username === "" && password === "") return Either.right(undefined)
  if (username === "") return refuse(method, "username", "there is a password and no user name: give both, or none")
  if (password === "") return refuse(method, "password", "there is a user name and no password: give both, or none")
  return Either.right({ username, password })
}

/** the request for a reference of a registry */
const planOf = (
  method: string,
  reference: Reference.Reference,
  options: Options
): Checked<Plan> =>
  Either.gen(function*() {
    const credentials = yield* credentialsOf(method, { ...options, tag: undefined })
    const timeout = yield* RunRequest.duration(method, "timeout", options.timeout)
    const waitTimeout = yield* RunRequest.duration(method, "waitTimeout", options.waitTimeout)
    const url = Reference.toUrl(reference)
    if (Option.isNone(url)) {
      return yield* noImage(
        method,
        reference,
        "it is the name of an image on the service, which no registry has: Images.use finds it"
      )
    }
    const tag = Option.orElse(options.tag, () => Reference.toTag(reference))
    if (Option.isNone(tag)) {
      return yield* noImage(method, reference, "no tag can be made of it: give one with { tag }")
    }
    const request: Wire.ImageImportRequest = {
      registry: { url: url.value, ...(credentials === undefined ? {} : { credentials }) },
      tag: tag.value,
      ...(Option.isNone(timeout) ? {} : { timeout: Math.ceil(Duration.toSeconds(timeout.value)) })
    }
    return { request, tag: tag.value, waitTimeout, scrub: credentialScrubber(credentials) }
  })

/**
 * An import, and nothing else: an id and a tag are refused.
 *
 * @internal
 */
export const plan = (method: string, ref: Reference.Input, options: ImportOptions): Checked<Plan> =>
  Either.gen(function*() {
    const reference = yield* Reference.fromInput(ref)
    const tag = yield* nameOf(method, "tag", options.tag)
    return yield* planOf(method, reference, { ...options, tag })
  })

/**
 * What `oci` looks for, and what it imports otherwise.
 *
 * @internal
 */
export const find = (method: string, ref: Reference.Input, options: ImportOptions): Checked<Finding> =>
  Either.gen(function*() {
    const reference = yield* Reference.fromInput(ref)
    const tag = yield* nameOf(method, "tag", options.tag)
    yield* credentialsOf(method, options)
    if (reference._tag === "Oci") {
      const plan = yield* planOf(method, reference, { ...options, tag })
      return { _tag: "Named", tag: plan.tag, plan: Option.some(plan) }
    }
    if (reference._tag === "Tag") {
      return { _tag: "Named", tag: Option.getOrElse(tag, () => reference.tag), plan: Option.none() }
    }
    return Option.isNone(tag)
      ? { _tag: "Id", id: reference.id }
      : yield* refuse(method, "tag", "an id is one image, whatever its tags: Image.tagAs gives it one")
  })

/**
 * By Python's old rules, which go by the look of the text.
 *
 * @internal
 */
export const pull = (
  method: string,
  ref: Reference.Input,
  options: Omit<ImportOptions, "tag"> & { readonly newTag?: string | undefined }
): Checked<Pulling> =>
  Either.gen(function*() {
    const tag = yield* nameOf(method, "newTag", options.newTag)
    const credentials = yield* credentialsOf(method, options)
    const isUrl = typeof ref === "string" && /^[a-z]+:\/\/[^/]/i.test(ref)
    // a tag may be what no reference is: it is looked up as it stands
    const reference = typeof ref === "string" && !isUrl && credentials === undefined
      ? Either.getOrElse(Reference.parse(ref), (): undefined => undefined)
      : yield* Reference.fromInput(ref)
    if (reference?._tag === "Id") return { _tag: "Id", id: reference.id }
    if (reference?._tag === "Tag") return { _tag: "Tag", tag: reference.tag }
    if (reference !== undefined && (typeof ref !== "string" || isUrl || credentials !== undefined)) {
      return { _tag: "Import", plan: yield* planOf(method, reference, { ...options, tag }) }
    }
    const name = RunRequest.tag(method, String(ref))
    return Either.isRight(name)
      ? { _tag: "Tag", tag: name.right }
      : yield* Either.left(
        new Errors.InvalidReferenceError({
          method,
          reference: String(ref),
          description: "it is no id, no URL of a registry, and no tag"
        })
      )
  })
