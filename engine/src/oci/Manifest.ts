/**
 * The documents that describe an image: index, manifest and configuration, in the forms of OCI and of Docker.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { endianness } from "node:os"
import { posix } from "node:path"
import type { ImportError } from "./ImportError.js"
import { importError, shown } from "./ImportError.js"

/**
 * `sha256:` and 64 hexadecimal digits. Other algorithms are not in use, and refused.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Digest = Schema.String.pipe(Schema.pattern(/^sha256:[0-9a-f]{64}$/))

const Size = Schema.Int.pipe(Schema.between(0, Number.MAX_SAFE_INTEGER))

const Platform = Schema.Struct({
  os: Schema.optional(Schema.String),
  architecture: Schema.optional(Schema.String),
  variant: Schema.optional(Schema.String)
})

/**
 * One piece of content: what it is, its digest and its size in bytes.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Descriptor = Schema.Struct({
  mediaType: Schema.optionalWith(Schema.String, { default: () => "" }),
  digest: Digest,
  size: Size,
  platform: Schema.optional(Schema.NullOr(Platform)),
  annotations: Schema.optional(Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.String })))
})

/**
 * @since 0.1.0
 * @category models
 */
export type Descriptor = typeof Descriptor.Type

const Index = Schema.Struct({ manifests: Schema.Array(Descriptor) })

const Manifest = Schema.Struct({ config: Descriptor, layers: Schema.Array(Descriptor) })

/**
 * @since 0.1.0
 * @category models
 */
export type Manifest = typeof Manifest.Type

const Config = Schema.Struct({
  os: Schema.optional(Schema.String),
  architecture: Schema.optional(Schema.String),
  variant: Schema.optional(Schema.String),
  config: Schema.optional(Schema.NullOr(Schema.Struct({
    Env: Schema.optional(Schema.NullOr(Schema.Array(Schema.String))),
    WorkingDir: Schema.optional(Schema.NullOr(Schema.String))
  }))),
  rootfs: Schema.Struct({ diff_ids: Schema.NullOr(Schema.Array(Digest)) })
})

/**
 * @since 0.1.0
 * @category models
 */
export type Config = typeof Config.Type

/**
 * Bytes that a manifest, an index or a configuration may have. Registries refuse larger manifests too.
 *
 * @since 0.1.0
 * @category limits
 */
export const maxDocumentBytes = 8 * 1024 * 1024

/**
 * Layers that an image may have: more than any builder makes.
 *
 * @since 0.1.0
 * @category limits
 */
export const maxLayers = 1_000

/** Bytes that its blobs may have together: as many as it may unpack to. */
const maxBlobBytes = 64 * 1024 ** 3

/**
 * @since 0.1.0
 * @category conversions
 */
export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifestList: "application/vnd.docker.distribution.manifest.list.v2+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json"
}

/**
 * What a request for a manifest accepts.
 *
 * @since 0.1.0
 * @category constants
 */
export const accept = Object.values(mediaTypes).join(", ")

const parseJson = (what: string, bytes: Uint8Array): Either.Either<unknown, ImportError> =>
  Either.try({
    try: () => JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")) as unknown,
    catch: () => importError("BadContent", `the ${what} is no JSON`)
  })

const decode = <A, I>(schema: Schema.Schema<A, I>, what: string) => (value: unknown): Either.Either<A, ImportError> =>
  Either.mapLeft(Schema.decodeUnknownEither(schema)(value), (error) => {
    const first = error.message.split("\n").at(-1) ?? ""
    return importError(
      "BadContent",
      `the ${what} is not what its kind should be: ${shown(first.replace(/^[\s│└├─]+/, ""))}`
    )
  })

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && name in value ? (value as Record<string, unknown>)[name] : undefined

/**
 * @since 0.1.0
 * @category models
 */
export type Document =
  | { readonly _tag: "Index"; readonly manifests: ReadonlyArray<Descriptor> }
  | { readonly _tag: "Manifest"; readonly manifest: Manifest }

/**
 * Reads an index or a manifest. What it is, it says itself; `contentType` is what a server said, for those that do not.
 *
 * @since 0.1.0
 * @category decoding
 */
export const parse = (bytes: Uint8Array, contentType = ""): Either.Either<Document, ImportError> =>
  Either.gen(function*() {
    const value = yield* parseJson("manifest", bytes)
    const own = field(value, "mediaType")
    const type = typeof own === "string" && own !== "" ? own : contentType.split(";")[0]?.trim() ?? ""
    if (field(value, "schemaVersion") === 1 || type.includes("docker.distribution.manifest.v1")) {
      return yield* Either.left(
        importError("Unsupported", "the image is in Docker's schema 1, which registries no longer keep: push it anew")
      )
    }
    if (type === mediaTypes.index || type === mediaTypes.manifestList || field(value, "manifests") !== undefined) {
      const { manifests } = yield* decode(Index, "index")(value)
      return { _tag: "Index", manifests }
    }
    const manifest = yield* decode(Manifest, "manifest")(value)
    if (manifest.layers.length > maxLayers) {
      return yield* Either.left(importError("TooLarge", `the image has ${manifest.layers.length} layers`))
    }
    const total = manifest.layers.reduce((sum, { size }) => sum + size, 0)
    if (total > maxBlobBytes) {
      return yield* Either.left(
        importError("TooLarge", `the layers of the image have ${total} bytes, more than 64 GiB`)
      )
    }
    return { _tag: "Manifest", manifest }
  })

/**
 * The configuration of an image. It names the digest of each layer's tar, without which none can be trusted.
 *
 * @since 0.1.0
 * @category decoding
 */
export const parseConfig = (bytes: Uint8Array): Either.Either<Config, ImportError> =>
  Either.flatMap(parseJson("configuration", bytes), decode(Config, "configuration"))

/**
 * A machine as images name it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Machine {
  readonly os: string
  readonly architecture: string
}

/** Where Go, whose names images bear, and Node do not agree. */
const architectures: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  ...(endianness() === "LE" ? { ppc64: "ppc64le", mipsel: "mipsle" } : {})
}

/**
 * @since 0.1.0
 * @category constants
 */
export const thisMachine: Machine = {
  os: "linux",
  architecture: architectures[process.arch] ?? process.arch
}

const nameOf = (platform: { readonly os?: string | undefined; readonly architecture?: string | undefined }): string =>
  `${platform.os ?? "?"}/${platform.architecture ?? "?"}`

const isFor = (machine: Machine, platform: typeof Platform.Type): boolean =>
  platform.os === machine.os && platform.architecture === machine.architecture

/** `v7` runs where `v8` does not, and nothing here needs the newest: the oldest variant, none first. */
const byVariant = (a: Descriptor, b: Descriptor): number =>
  (a.platform?.variant ?? "").localeCompare(b.platform?.variant ?? "")

/**
 * The manifest for a machine. An index of one entry that names no platform is that entry.
 *
 * @since 0.1.0
 * @category choosing
 */
export const choose = (
  manifests: ReadonlyArray<Descriptor>,
  machine: Machine = thisMachine
): Either.Either<Descriptor, ImportError> => {
  // builders put what they know about an image beside it, as an entry for no machine
  const images = manifests.filter(({ platform }) => platform?.os !== "unknown")
  const [only] = images
  if (only !== undefined && images.length === 1 && (only.platform ?? undefined) === undefined) return Either.right(only)
  const fitting = images.filter(({ platform }) => platform && isFor(machine, platform)).sort(byVariant)[0]
  if (fitting !== undefined) return Either.right(fitting)
  const others = images.flatMap(({ platform }) => platform ? [nameOf(platform)] : [])
  return Either.left(importError(
    "Unsupported",
    `the image is not made for ${nameOf(machine)}${
      others.length === 0 ? "" : `, but for ${shown([...new Set(others)].join(", "))}`
    }`
  ))
}

/**
 * Whether a configuration is one for a machine; one that does not say is taken as it is.
 *
 * @since 0.1.0
 * @category choosing
 */
export const checkPlatform = (config: Config, machine: Machine = thisMachine): Either.Either<void, ImportError> => {
  const { architecture = "", os = "" } = config
  const differs = (os !== "" && os !== machine.os) || (architecture !== "" && architecture !== machine.architecture)
  return differs
    ? Either.left(
      importError("Unsupported", `the image is made for ${shown(nameOf(config))}, this is ${nameOf(machine)}`)
    )
    : Either.void
}

const layerTypes =
  /^application\/vnd\.(oci\.image\.layer(\.nondistributable)?\.v1\.tar(\+gzip|\+zstd)?|docker\.image\.rootfs\.(diff|foreign\.diff)\.tar(\.gzip|\.zstd)?)$/

/**
 * Whether a layer is a tar that the engine can read: what is encrypted or no file system is refused by its type. How it
 * is compressed, its bytes say.
 *
 * @since 0.1.0
 * @category choosing
 */
export const checkLayer = ({ mediaType }: Descriptor): Either.Either<void, ImportError> =>
  mediaType === "" || layerTypes.test(mediaType)
    ? Either.void
    : Either.left(importError("Unsupported", `a layer of the image is of type ${shown(mediaType)}`))

/**
 * The environment of an image's configuration; the last of two values of one name counts.
 *
 * @since 0.1.0
 * @category conversions
 */
export const envOf = (config: Config): Record<string, string> => {
  const entries = (config.config?.Env ?? []).flatMap((text): ReadonlyArray<[string, string]> => {
    const equals = text.indexOf("=")
    return equals > 0 && !text.includes("\0") ? [[text.slice(0, equals), text.slice(equals + 1)]] : []
  })
  return Object.fromEntries(entries)
}

/**
 * The folder that commands of an image begin in, absolute; empty where it names none.
 *
 * @since 0.1.0
 * @category conversions
 */
export const cwdOf = (config: Config): string => {
  const cwd = posix.normalize(`/${config.config?.WorkingDir ?? ""}`).replace(/\/$/, "")
  return cwd.includes("\0") || Buffer.byteLength(cwd) > 4_095 ? "" : cwd
}
