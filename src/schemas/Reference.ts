/**
 * How an image is named: by its id, by a tag (`tag:NAME`), or as an OCI reference with Docker's grammar
 * (`[registry/]name[:tag][@digest]`). Nothing here asks anybody.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { InvalidReferenceError } from "./Errors.js"
import * as Ids from "./Ids.js"

/**
 * - `Id`: exactly one image
 * - `Tag`: whatever image has the tag when it is used
 * - `Oci`: an image of a registry. `registry` and `repository` are whole (`docker.io`, `library/busybox`); a tag that is
 *   not written stays away, it is not `latest`
 *
 * @since 0.1.0
 * @category models
 */
export type Reference =
  | { readonly _tag: "Id"; readonly id: Ids.ImageId }
  | { readonly _tag: "Tag"; readonly tag: Ids.Tag }
  | Oci

/**
 * @since 0.1.0
 * @category models
 */
export interface Oci {
  readonly _tag: "Oci"
  readonly registry: string
  readonly repository: string
  readonly tag: Option.Option<string>
  readonly digest: Option.Option<string>
}

/**
 * What a method that takes a reference takes.
 *
 * @since 0.1.0
 * @category models
 */
export type Input = string | Reference

const defaultRegistry = "docker.io"

// ---------------------------------------------------------------------------------------------------------- grammar

const uuidPattern =
  /^(?:urn:uuid:)?(\{)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})(\})?$/i
const registryPattern =
  /^(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)(?::\d+)?$/
const componentPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const tagPattern = /^\w[\w.-]{0,127}$/
const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/

const refuse = (reference: string, description: string): Either.Either<never, InvalidReferenceError> =>
  Either.left(new InvalidReferenceError({ method: "Reference.parse", reference, description }))

const isId = Schema.is(Ids.ImageId)
const isTag = Schema.is(Ids.Tag)

const parseId = (input: string): Option.Option<Reference> => {
  const match = uuidPattern.exec(input)
  if (match === null || (match[1] === undefined) !== (match[7] === undefined)) return Option.none()
  const id = match.slice(2, 7).join("-").toLowerCase()
  return isId(id) ? Option.some({ _tag: "Id", id }) : Option.none()
}

/** Docker's rule: what is before the first slash is a registry if it has a dot, a colon or an upper-case letter. */
const splitRegistry = (name: string): readonly [registry: string, repository: string] => {
  const slash = name.indexOf("/")
  const first = name.slice(0, Math.max(slash, 0))
  const isRegistry = /[.:A-Z]/.test(first) || first === "localhost"
  const registry = isRegistry && first !== "index.docker.io" ? first : defaultRegistry
  const rest = isRegistry ? name.slice(slash + 1) : name
  return [registry, registry === defaultRegistry && !rest.includes("/") ? `library/${rest}` : rest]
}

const badRepository = (repository: string): string | undefined => {
  if (repository.length > 255) return "the name is longer than 255 characters"
  if (/[A-Z]/.test(repository)) return "a name in a registry is lower case; for a tag with capitals write tag:NAME"
  if (!repository.split("/").every((part) => componentPattern.test(part))) {
    return "a name is made of a-z, 0-9 and single . _ - between them, in parts divided by /"
  }
  return /^library\/[0-9a-f]{64}$/.test(repository)
    ? "64 hexadecimal digits are Docker's own id of an image, which no registry knows"
    : undefined
}

/** `scheme://user:password@host/`: nothing here reads it, and an error must not repeat it */
const userInfoPattern = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/@]*@(?=[^/@]+\/)/

const parseOci = (input: string): Either.Either<Reference, InvalidReferenceError> => {
  if (userInfoPattern.test(input)) {
    return refuse(
      input.replace(userInfoPattern, "$1<redacted>@"),
      "credentials are not read from a reference: give them as username and password"
    )
  }
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(input)
  if (scheme !== null && scheme[1] !== "docker") {
    return refuse(input, `the scheme ${scheme[1]}:// is not supported: write docker://, or none`)
  }
  const text = input.slice(scheme?.[0].length ?? 0).replace(/^\//, scheme === null ? "/" : "")
  if (text.startsWith(":")) return refuse(input, "there is no name before the colon; for a tag write tag:NAME")

  const at = text.indexOf("@")
  const digest = at === -1 ? Option.none<string>() : Option.some(text.slice(at + 1))
  const named = at === -1 ? text : text.slice(0, at)
  // A colon before the last slash is that of a port.
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1)
  const tag = colon === -1 ? Option.none<string>() : Option.some(named.slice(colon + 1))
  const [registry, repository] = splitRegistry(colon === -1 ? named : named.slice(0, colon))

  if (!registryPattern.test(registry)) {
    return refuse(input, `the registry ${JSON.stringify(registry)} is no host[:port]`)
  }
  const bad = badRepository(repository)
  if (bad !== undefined) return refuse(input, bad)
  if (Option.isSome(tag) && !tagPattern.test(tag.value)) {
    return refuse(input, "the tag after the colon is 1 to 128 of A-Z a-z 0-9 _ . - and begins with none of . -")
  }
  if (Option.isSome(digest) && !digestPattern.test(digest.value)) {
    return refuse(input, "the digest after the @ is sha256: and 64 hexadecimal digits in lower case")
  }
  return Either.right({ _tag: "Oci", registry, repository, tag, digest })
}

/**
 * Reads a reference: a UUID in any spelling (with or without dashes, in braces, `urn:uuid:`, any case), else
 * `tag:NAME`, else OCI, with `docker://` before it or without. A bare word is an OCI name, as in Docker; where the
 * registry is missing it is `docker.io`, and a single word there is in `library/`.
 *
 * Fails with `InvalidReferenceError`, which says what is wrong with the text.
 *
 * @example
 * ```ts
 * import * as Reference from "effect-contree/Reference"
 *
 * Reference.parse("busybox:latest") // Oci: docker.io, library/busybox, latest
 * Reference.parse("localhost:5000/team/app") // Oci: localhost:5000, team/app
 * Reference.parse("tag:nightly/2026-11-23") // Tag
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (input: string): Either.Either<Reference, InvalidReferenceError> => {
  if (input === "") return refuse(input, "it is empty")
  const id = parseId(input)
  if (Option.isSome(id)) return Either.right(id.value)
  if (input.startsWith("tag:")) {
    const tag = input.slice(4)
    return isTag(tag)
      ? Either.right({ _tag: "Tag", tag })
      : refuse(input, "a tag is 1 to 256 of A-Z a-z 0-9 _ - . : /")
  }
  return parseOci(input)
}

/**
 * A reference from what a method was given.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromInput = (input: Input): Either.Either<Reference, InvalidReferenceError> =>
  typeof input === "string" ? parse(input) : Either.right(input)

const suffix = (before: string, part: Option.Option<string>): string =>
  Option.match(part, { onNone: () => "", onSome: (text) => before + text })

/**
 * The canonical text, which `parse` reads back to the same reference.
 *
 * @since 0.1.0
 * @category conversions
 */
export const format = (self: Reference): string => {
  switch (self._tag) {
    case "Id":
      return self.id
    case "Tag":
      return `tag:${self.tag}`
    case "Oci":
      return `${self.registry}/${self.repository}${suffix(":", self.tag)}${suffix("@", self.digest)}`
  }
}

const shortName = ({ registry, repository }: Oci): string => {
  if (registry !== defaultRegistry) return `${registry}/${repository}`
  return repository.startsWith("library/") ? repository.slice("library/".length) : repository
}

/**
 * The tag under which the service keeps an imported image, the same that the Python SDK gives it: `busybox:latest` for
 * `docker.io/library/busybox:latest`, `user/app` for `docker.io/user/app`, all other registries in full. No `:latest` is
 * added.
 *
 * A tag cannot hold an `@`, so a digest becomes `NAME:sha256-...` (and the tag beside it, which a digest overrules, is
 * dropped). None: for an id, and where the tag would have other characters or more than 256.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toTag = (self: Reference): Option.Option<Ids.Tag> => {
  switch (self._tag) {
    case "Id":
      return Option.none()
    case "Tag":
      return Option.some(self.tag)
    case "Oci": {
      const tag = Option.orElse(Option.map(self.digest, (digest) => digest.replace(":", "-")), () => self.tag)
      return Option.liftPredicate(isTag)(`${shortName(self)}${suffix(":", tag)}`)
    }
  }
}

/**
 * The URL an import asks for: `docker://docker.io/library/busybox:latest`. A tag beside a digest is left out, since
 * registries take one of them. None for an id or a tag: those are on the service already.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toUrl = (self: Reference): Option.Option<string> =>
  self._tag === "Oci"
    ? Option.some(`docker://${format(Option.isSome(self.digest) ? { ...self, tag: Option.none() } : self)}`)
    : Option.none()

const Self: Schema.Schema<Reference> = Schema.Union(
  Schema.TaggedStruct("Id", { id: Schema.typeSchema(Ids.ImageId) }),
  Schema.TaggedStruct("Tag", { tag: Schema.typeSchema(Ids.Tag) }),
  Schema.TaggedStruct("Oci", {
    registry: Schema.String,
    repository: Schema.String,
    tag: Schema.OptionFromSelf(Schema.String),
    digest: Schema.OptionFromSelf(Schema.String)
  })
)

/**
 * Text and reference as a codec.
 *
 * @since 0.1.0
 * @category schemas
 */
export const fromSelf: Schema.Schema<Reference, string> = Schema.transformOrFail(Schema.String, Self, {
  strict: true,
  decode: (text, _, ast) => Either.mapLeft(parse(text), (e) => new ParseResult.Type(ast, text, e.message)),
  encode: (reference) => ParseResult.succeed(format(reference))
}).annotations({ identifier: "Reference" })
