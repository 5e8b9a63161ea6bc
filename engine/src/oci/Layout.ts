/**
 * Images that lie on this machine: folders in the OCI image layout, and what `docker save` writes.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as fs from "node:fs/promises"
import { join, sep } from "node:path"
import { fromText, toText } from "../image/HostBytes.js"
import * as FileDigest from "./FileDigest.js"
import type { ImportError } from "./ImportError.js"
import { importError, shown } from "./ImportError.js"
import * as Manifest from "./Manifest.js"
import * as Rootfs from "./Rootfs.js"

/**
 * An image whose bytes are files of this machine.
 *
 * @since 0.1.0
 * @category models
 */
export interface Local {
  readonly config: Uint8Array
  /** the files of its layers, bottom first, absolute */
  readonly layers: ReadonlyArray<string>
}

const unreadable = (what: string) => (cause: unknown): ImportError => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  return code === "ENOENT" || code === "ENOTDIR"
    ? importError("NotFound", `${what} is not there`)
    : importError("NotFound", `${what} cannot be read${code === "" ? "" : ` (${code})`}`)
}

/**
 * Whether a path lies below a folder; both without symbolic links.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isBelow = (folder: string, path: string): boolean =>
  path.startsWith(folder.endsWith(sep) ? folder : folder + sep)

interface Member {
  readonly path: string
  readonly size: number
}

/** A file below a folder, wherever symbolic links lead: out of the folder none may. Devices and pipes are no files. */
const inside = (folder: string, path: string, what: string): Effect.Effect<Member, ImportError> =>
  Effect.gen(function*() {
    const { isFile, real, root, size } = yield* Effect.tryPromise({
      try: async () => {
        const root = await fs.realpath(folder)
        const real = await fs.realpath(join(folder, path))
        const stats = await fs.stat(real)
        return { root, real, isFile: stats.isFile(), size: stats.size }
      },
      catch: unreadable(what)
    })
    if (!isBelow(root, real)) {
      return yield* importError("NotAllowed", `${what} is a link that leads out of its folder`)
    }
    if (!isFile) return yield* importError("BadContent", `${what} is no file`)
    return { path: real, size }
  })

/**
 * A document of a file, as long as it is no longer than one may be.
 *
 * @since 0.1.0
 * @category reading
 */
export const readDocument = (path: string, what: string): Effect.Effect<Uint8Array, ImportError> =>
  Effect.tryPromise({
    try: async () => {
      const stats = await fs.stat(path)
      // a device or a pipe has no end, and no size that says so
      if (!stats.isFile()) throw importError("BadContent", `${what} is no file`)
      const { size } = stats
      if (size > Manifest.maxDocumentBytes) throw importError("TooLarge", `${what} has ${size} bytes`)
      return await fs.readFile(path)
    },
    catch: (cause) => cause instanceof Error && "_tag" in cause ? cause as ImportError : unreadable(what)(cause)
  })

/** What its digest and size say, or it is not read. */
const checked = (folder: string, blob: Manifest.Descriptor): Effect.Effect<string, ImportError> =>
  Effect.gen(function*() {
    const what = `the blob ${blob.digest}`
    const { path, size } = yield* inside(folder, `blobs/${blob.digest.replace(":", "/")}`, what)
    if (size !== blob.size) {
      return yield* importError("BadContent", `${what} has ${size} bytes, and it should be ${blob.size}`)
    }
    const digest = yield* Effect.tryPromise({
      try: (signal) => FileDigest.digestOf(path, signal),
      catch: unreadable(what)
    })
    return digest === blob.digest
      ? path
      : yield* importError("BadContent", `${what} is not what its digest says: its bytes have ${digest}`)
  })

const document = (folder: string, blob: Manifest.Descriptor): Effect.Effect<Uint8Array, ImportError> =>
  Effect.flatMap(checked(folder, blob), (path) => readDocument(path, `the blob ${blob.digest}`))

const refName = "org.opencontainers.image.ref.name"

const namesOf = (names: ReadonlyArray<string>): string =>
  names.length === 0 ? "" : `; it has ${shown(names.join(", "))}`

const named = (
  manifests: ReadonlyArray<Manifest.Descriptor>,
  name: Option.Option<string>
): Either.Either<ReadonlyArray<Manifest.Descriptor>, ImportError> => {
  const names = manifests.flatMap(({ annotations }) => annotations?.[refName] ?? [])
  if (Option.isNone(name)) {
    return names.length > 1
      ? Either.left(importError("NotFound", `the layout has several images: give one after a colon${namesOf(names)}`))
      : Either.right(manifests)
  }
  const fitting = manifests.filter(({ annotations }) => annotations?.[refName] === name.value)
  return fitting.length === 0
    ? Either.left(importError("NotFound", `the layout has no image ${shown(name.value)}${namesOf(names)}`))
    : Either.right(fitting)
}

/** From an index down to the manifest of this machine. An index in an index is as deep as they come. */
const manifestIn = (
  folder: string,
  manifests: ReadonlyArray<Manifest.Descriptor>,
  depth = 0
): Effect.Effect<Manifest.Manifest, ImportError> =>
  Effect.gen(function*() {
    const [first] = manifests
    const blob = manifests.length === 1 && first !== undefined ? first : yield* Manifest.choose(manifests)
    const found = yield* Manifest.parse(yield* document(folder, blob), blob.mediaType)
    if (found._tag === "Manifest") return found.manifest
    if (depth > 3) return yield* importError("BadContent", "the layout has an index in an index in an index")
    return yield* manifestIn(folder, [yield* Manifest.choose(found.manifests)], depth + 1)
  })

/**
 * An image of a folder in the OCI image layout. Digests are verified.
 *
 * @since 0.1.0
 * @category reading
 */
export const layout = (folder: string, name: Option.Option<string>): Effect.Effect<Local, ImportError> =>
  Effect.gen(function*() {
    const { path } = yield* inside(folder, "index.json", "its index.json")
    const bytes = yield* readDocument(path, "its index.json")
    const index = yield* Manifest.parse(bytes, "application/vnd.oci.image.index.v1+json")
    if (index._tag !== "Index") return yield* importError("BadContent", "its index.json is no index")
    const manifest = yield* manifestIn(folder, yield* named(index.manifests, name))
    yield* Effect.forEach(manifest.layers, Manifest.checkLayer, { discard: true })
    return {
      config: yield* document(folder, manifest.config),
      layers: yield* Effect.forEach(manifest.layers, (blob) => checked(folder, blob))
    }
  })

const DockerManifest = Schema.parseJson(Schema.Array(Schema.Struct({
  Config: Schema.String,
  RepoTags: Schema.optional(Schema.NullOr(Schema.Array(Schema.String))),
  Layers: Schema.Array(Schema.String)
})))

/** `busybox` is `busybox:latest`, as Docker has it. */
const withTag = (name: string): string => name.includes(":", name.lastIndexOf("/") + 1) ? name : `${name}:latest`

/** Links between layers are of the archive: they are followed in its folder, and not out of it. */
const member = (folder: string, path: string): Effect.Effect<string, ImportError> =>
  Effect.flatMap(
    Effect.try({
      try: () => Rootfs.steps(fromText(path)).map(toText).join("/"),
      catch: (cause) => cause as ImportError
    }),
    (clean) => Effect.map(inside(folder, clean, `${shown(path)} in the archive`), (member) => member.path)
  )

/**
 * An image of an unpacked docker-archive. It has no digests of its own: the configuration has those of the layers.
 *
 * @since 0.1.0
 * @category reading
 */
export const dockerArchive = (folder: string, name: Option.Option<string>): Effect.Effect<Local, ImportError> =>
  Effect.gen(function*() {
    const bytes = yield* readDocument(yield* member(folder, "manifest.json"), "manifest.json in the archive")
    const images = yield* Effect.mapError(
      Schema.decodeUnknown(DockerManifest)(Buffer.from(bytes).toString("utf8")),
      () => importError("BadContent", "manifest.json in the archive is not what `docker save` writes")
    )
    const names = images.flatMap(({ RepoTags }) => RepoTags ?? [])
    const fitting = Option.isNone(name)
      ? images
      : images.filter(({ RepoTags }) => (RepoTags ?? []).includes(withTag(name.value)))
    const [image] = fitting
    if (image === undefined || fitting.length > 1) {
      const what = image === undefined ? "has no such image" : "has several images: give the name of one after a colon"
      return yield* importError("NotFound", `the archive ${what}${namesOf(names)}`)
    }
    if (image.Layers.length > Manifest.maxLayers) {
      return yield* importError("TooLarge", `the image in the archive has ${image.Layers.length} layers`)
    }
    const config = yield* member(folder, image.Config)
    return {
      config: yield* readDocument(config, "the configuration in the archive"),
      layers: yield* Effect.forEach(image.Layers, (path) => member(folder, path))
    }
  })
