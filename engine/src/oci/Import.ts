/**
 * An image from wherever it lies into the store: found, fetched, unpacked, kept.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type { ImageId, OperationId } from "effect-contree/Ids"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import { mkdirSync, realpathSync, statSync } from "node:fs"
import * as ContentId from "../store/ContentId.js"
import { isRoot } from "../store/Privilege.js"
import type { Store } from "../store/Store.js"
import type { StoreError } from "../store/StoreError.js"
import { fromCause } from "../store/StoreError.js"
import type { BlobCache } from "./BlobCache.js"
import type { ImportError } from "./ImportError.js"
import { importError } from "./ImportError.js"
import * as Budget from "./Budget.js"
import * as Layout from "./Layout.js"
import * as Manifest from "./Manifest.js"
import type { Credentials } from "./Registry.js"
import * as Registries from "./Registry.js"
import type * as Source from "./Source.js"
import * as Unpacked from "./Unpacked.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Machine {
  readonly store: Store
  readonly blobs: BlobCache
  readonly client: HttpClient.HttpClient
  /** registries that are spoken to without TLS, as `host:port` */
  readonly insecure: ReadonlyArray<string>
  /** folders whose images may be imported by path */
  readonly localImages: ReadonlyArray<string>
  /** of the unpacked layers of an image */
  readonly maxImageBytes: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Request {
  readonly operationId: OperationId
  readonly source: Source.Source
  readonly credentials: Option.Option<Credentials>
}

/**
 * How far an import is. `bytes` are those of the blobs of a registry; `layers` those that are unpacked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  phase: "resolving" | "fetching" | "unpacking"
  bytes: number
  totalBytes: number
  layers: number
  totalLayers: number
  /** what a registry failed with last, while it is tried again */
  trouble: string | undefined
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const noProgress = (): Progress => ({
  phase: "resolving",
  bytes: 0,
  totalBytes: 0,
  layers: 0,
  totalLayers: 0,
  trouble: undefined
})

/**
 * What is to be kept: `upper` is its folder, relative to the store; none where the store has this very image already.
 *
 * @since 0.1.0
 * @category models
 */
export interface Imported {
  readonly image: ImageId
  readonly upper: Option.Option<string>
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}

/** Changes whenever the same layers would give another folder. */
const recipe = "oci 1"

/** The same image is the same id, whoever imports it from where; an ordinary user's has other owners. */
const idOf = (config: Uint8Array): ImageId =>
  ContentId.make(createHash("sha256").update(`${recipe} ${isRoot() ? "root" : "user"}\0`).update(config))

/** An image that is known, and how to get at its layers. */
interface Found {
  readonly config: Uint8Array
  readonly layers: Effect.Effect<ReadonlyArray<string>, ImportError | StoreError>
}

const inRegistry = (
  machine: Machine,
  source: Source.Registry,
  credentials: Option.Option<Credentials>,
  progress: Progress
): Effect.Effect<Found, ImportError | StoreError> =>
  Effect.gen(function*() {
    const { client, insecure } = machine
    const onTrouble = ({ description }: ImportError): void => {
      progress.trouble = description
    }
    const registry = Registries.make({ client, source, credentials, insecure, onTrouble })
    const manifest = yield* manifestOf(registry, source.reference)
    yield* Effect.forEach(manifest.layers, Manifest.checkLayer, { discard: true })
    if (manifest.config.size > Manifest.maxDocumentBytes) {
      return yield* importError("TooLarge", `the configuration of the image has ${manifest.config.size} bytes`)
    }
    const configPath = yield* machine.blobs.fetch(registry, manifest.config, () => undefined)
    const config = yield* Layout.readDocument(configPath, "the configuration of the image")
    return { config, layers: fetchLayers(machine, registry, manifest, progress) }
  })

const manifestOf = (
  registry: Registries.Registry,
  reference: string,
  depth = 0
): Effect.Effect<Manifest.Manifest, ImportError> =>
  Effect.gen(function*() {
    const { bytes, contentType } = yield* registry.manifest(reference)
    const digest = Manifest.digestOf(bytes)
    if (reference.startsWith("sha256:") && digest !== reference) {
      return yield* importError("BadContent", `the manifest ${reference} is not what its digest says: it is ${digest}`)
    }
    const found = yield* Manifest.parse(bytes, contentType)
    if (found._tag === "Manifest") return found.manifest
    if (depth > 3) return yield* importError("BadContent", "the image is an index in an index in an index")
    const chosen = yield* Manifest.choose(found.manifests)
    return yield* manifestOf(registry, chosen.digest, depth + 1)
  })

/** As Docker does: a connection more each, and no registry minds. */
const parallelBlobs = 3

const fetchLayers = (
  machine: Machine,
  registry: Registries.Registry,
  manifest: Manifest.Manifest,
  progress: Progress
): Effect.Effect<ReadonlyArray<string>, ImportError | StoreError> =>
  Effect.suspend(() => {
    progress.phase = "fetching"
    // the same layer may come twice in an image, and is fetched once
    const blobs = new Map(manifest.layers.map((blob) => [blob.digest, blob]))
    const there = new Map<string, number>()
    progress.totalBytes = [...blobs.values()].reduce((sum, { size }) => sum + size, 0)
    return Effect.forEach(
      blobs.values(),
      (blob) =>
        Effect.map(
          machine.blobs.fetch(registry, blob, (bytes) => {
            progress.trouble = undefined
            there.set(blob.digest, bytes)
            progress.bytes = [...there.values()].reduce((sum, size) => sum + size, 0)
          }),
          (path) => [blob.digest, path] as const
        ),
      { concurrency: parallelBlobs }
    ).pipe(Effect.map((paths) => {
      const byDigest = new Map(paths)
      return manifest.layers.map(({ digest }) => byDigest.get(digest) ?? "")
    }))
  })

const budgetOf = ({ maxImageBytes, store }: Machine): Budget.Budget =>
  Budget.make({ bytes: maxImageBytes, folder: store.path })

/** Whoever opens a pipe waits for its writer, and no time-out reaches him. */
const refuseOthers = (path: string): Effect.Effect<void, ImportError | StoreError> =>
  Effect.flatMap(
    Effect.try({ try: () => statSync(path).isFile(), catch: fromCause("looking at the archive") }),
    (isFile) =>
      isFile ? Effect.void : importError("BadContent", `${path} is no file, as an archive of an image must be`)
  )

const onThisMachine = (
  machine: Machine,
  source: Source.Layout | Source.Archive,
  scratch: string
): Effect.Effect<Found, ImportError | StoreError> =>
  Effect.gen(function*() {
    const path = yield* permitted(machine.localImages, source.path)
    const local = yield* source._tag === "Layout" ? Layout.layout(path, source.name) : Effect.gen(function*() {
      const folder = `${scratch}/archive`
      yield* Effect.try({ try: () => mkdirSync(folder, { mode: 0o700 }), catch: fromCause("unpacking the archive") })
      yield* refuseOthers(path)
      yield* Unpacked.archive(folder, path, budgetOf(machine))
      return yield* source.format === "oci"
        ? Layout.layout(folder, source.name)
        : Layout.dockerArchive(folder, source.name)
    })
    return { config: local.config, layers: Effect.succeed(local.layers) }
  })

/**
 * Whoever has the engine's token may read, by way of an image, what the engine may: only where its owner says so. What
 * lies elsewhere is refused in the same words whether it is there or not.
 */
const permitted = (folders: ReadonlyArray<string>, path: string): Effect.Effect<string, ImportError> => {
  if (folders.length === 0) {
    return importError(
      "NotAllowed",
      "images of this machine are imported only from the folders that the engine's option localImages names, and it names none"
    )
  }
  const real = realPath(path)
  // what is not there has no other path than the one that was asked for
  return folders.some((folder) => isWithin(realPath(folder) ?? folder, real ?? path) || isWithin(folder, real ?? path))
    ? real === undefined ? importError("NotFound", `${path} is not there`) : Effect.succeed(real)
    : importError("NotAllowed", `${path} is in none of the folders that the engine's option localImages names`)
}

const realPath = (path: string): string | undefined => {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

const isWithin = (folder: string, path: string): boolean => path === folder || Layout.isBelow(folder, path)

/** One that is damaged is made anew. */
const isWhole = (store: Store, image: ImageId): Effect.Effect<boolean, StoreError> =>
  store.images.layers(image).pipe(
    Effect.as(true),
    Effect.catchIf(({ reason }) => reason === "Missing" || reason === "Damaged", () => Effect.succeed(false))
  )

/**
 * Everything before the image is kept. What it wrote lies in the workspace of the operation, which is the scope's.
 *
 * @since 0.1.0
 * @category importing
 */
export const make = (
  machine: Machine,
  request: Request,
  progress: Progress
): Effect.Effect<Imported, ImportError | StoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const { store } = machine
    const { source } = request
    const { upper, work } = yield* store.workspace(request.operationId)
    const found = source._tag === "Registry"
      ? yield* inRegistry(machine, source, request.credentials, progress)
      : yield* onThisMachine(machine, source, `${store.path}/${work}`)
    const config = yield* Manifest.parseConfig(found.config)
    yield* Manifest.checkPlatform(config)
    const image = idOf(found.config)
    const kept = { image, env: Manifest.envOf(config), cwd: Manifest.cwdOf(config) }
    if (yield* isWhole(store, image)) return { ...kept, upper: Option.none() }
    const files = yield* found.layers
    progress.phase = "unpacking"
    progress.totalLayers = files.length
    yield* Unpacked.layers({
      folder: `${store.path}/${upper}`,
      files,
      diffIds: config.rootfs.diff_ids ?? [],
      cwd: kept.cwd,
      left: budgetOf(machine),
      onLayer: (done) => {
        progress.layers = done
      }
    })
    return { ...kept, upper: Option.some(upper) }
  })
