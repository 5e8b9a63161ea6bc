/**
 * Where an image comes from, as the `registry.url` of a request names it. Protocol: section 2.1.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Reference from "effect-contree/Reference"
import { isAbsolute, normalize } from "node:path"
import type { ImportError } from "./ImportError.js"
import { importError } from "./ImportError.js"

/**
 * - `Registry`: `docker://registry/name[:tag][@digest]`. `reference` is a tag or a digest, a digest where both are given.
 * - `Layout`: a folder in the OCI image layout, `oci:/path[:tag]`.
 * - `Archive`: such a folder as a tar file (`oci-archive:`), or what `docker save` writes (`docker-archive:`).
 *
 * @since 0.1.0
 * @category models
 */
export type Source = Registry | Layout | Archive

/**
 * @since 0.1.0
 * @category models
 */
export interface Registry {
  readonly _tag: "Registry"
  /** as in the reference: `docker.io`, `localhost:5000` */
  readonly registry: string
  readonly repository: string
  readonly reference: string
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Layout {
  readonly _tag: "Layout"
  /** absolute */
  readonly path: string
  readonly name: Option.Option<string>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Archive {
  readonly _tag: "Archive"
  readonly format: "oci" | "docker"
  /** absolute */
  readonly path: string
  readonly name: Option.Option<string>
}

const registryOf = (url: string): Either.Either<Source, ImportError> => {
  // what the service's other clients rewrite to docker:// may also come as it was written
  const parsed = Reference.parse(url.replace(/^oci:\/\//, "docker://"))
  if (Either.isLeft(parsed)) return Either.left(importError("NotFound", parsed.left.description ?? parsed.left.message))
  const { right: reference } = parsed
  if (reference._tag === "Oci" && Option.exists(reference.digest, (digest) => !digest.startsWith("sha256:"))) {
    return Either.left(importError("Unsupported", "only digests of sha256 are verified here, and no other is taken"))
  }
  return reference._tag === "Oci"
    ? Either.right({
      _tag: "Registry",
      registry: reference.registry,
      repository: reference.repository,
      reference: Option.getOrElse(Option.orElse(reference.digest, () => reference.tag), () => "latest")
    })
    : Either.left(importError("NotFound", "it is the name of an image that is here already, and of none in a registry"))
}

const split = (text: string, colon: number): readonly [path: string, name: Option.Option<string>] =>
  colon === -1
    ? [text, Option.none()]
    : [text.slice(0, colon), Option.liftPredicate((name: string) => name !== "")(text.slice(colon + 1))]

/** As in skopeo: a folder or file may have a colon above its last part, and Docker's names have slashes and colons. */
const colonOf = (transport: string, text: string): number =>
  text.indexOf(":", transport === "docker-archive" ? 0 : text.lastIndexOf("/") + 1)

/**
 * Fails when the text names nothing that can be imported, and says why.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (url: string): Either.Either<Source, ImportError> => {
  const [, transport, text = ""] = /^(oci|oci-archive|docker-archive):(?!\/\/)([^\0]*)$/.exec(url) ?? []
  if (transport === undefined) return registryOf(url)
  const [path, name] = split(text, colonOf(transport, text))
  if (!isAbsolute(path)) {
    return Either.left(
      importError("NotFound", `${transport}: needs the absolute path of a file or folder on this machine`)
    )
  }
  return Either.right(
    transport === "oci"
      ? { _tag: "Layout", path: normalize(path), name }
      : { _tag: "Archive", format: transport === "oci-archive" ? "oci" : "docker", path: normalize(path), name }
  )
}

/**
 * As a person would write it.
 *
 * @since 0.1.0
 * @category conversions
 */
export const format = (source: Source): string => {
  const name = source._tag === "Registry" ? "" : Option.match(source.name, { onNone: () => "", onSome: (n) => `:${n}` })
  switch (source._tag) {
    case "Registry":
      return `${source.registry}/${source.repository}${source.reference.includes(":") ? "@" : ":"}${source.reference}`
    case "Layout":
      return `oci:${source.path}${name}`
    case "Archive":
      return `${source.format}-archive:${source.path}${name}`
  }
}
