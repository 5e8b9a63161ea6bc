/**
 * A plain root file system, a folder or a tar of one, as an image in the OCI layout: one layer and a configuration that
 * says nothing but for which machine it is. Importing it takes then the way of all images, with the care that layers
 * get; and the same files are the same image.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { createHash, randomUUID } from "node:crypto"
import * as fs from "node:fs"
import { Readable, Transform } from "node:stream"
import { pipeline } from "node:stream/promises"
import * as Accounts from "../image/Accounts.js"
import * as Archive from "../image/Archive.js"
import { fromText, toText } from "../image/HostBytes.js"
import * as MergedTree from "../image/MergedTree.js"
import { PathError } from "../image/PathError.js"
import * as Steps from "../image/Steps.js"
import type { Scratch } from "../store/Scratch.js"
import type { StoreError } from "../store/StoreError.js"
import { fromCause } from "../store/StoreError.js"
import * as Budget from "./Budget.js"
import { tarOf } from "./Compression.js"
import { ImportError, importError } from "./ImportError.js"
import * as Manifest from "./Manifest.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Source {
  readonly kind: "dir" | "tar"
  /** as it was written: relative to the folder that the program runs in, or absolute */
  readonly path: string
}

/**
 * `dir:DIR` and `tar:FILE`.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parse = (reference: string): Option.Option<Source> => {
  const [, kind, path = ""] = /^(dir|tar):([^\0]+)$/.exec(reference) ?? []
  return kind === "dir" || kind === "tar" ? Option.some({ kind, path }) : Option.none()
}

/** A mount point (a `/proc` that was left there) has no end, or is no part of the image. */
function* checkOneDisk(node: MergedTree.Node, device: number): Steps.Steps<void> {
  yield
  if (!node.stats.isDirectory()) return
  if (node.stats.dev !== device) {
    throw importError(
      "Unsupported",
      `${toText(node.host)} is on another file system than the folder that it lies in: unmount it first`
    )
  }
  for (const [, child] of yield* MergedTree.children(node)) yield* checkOneDisk(child, device)
}

const ofFolder = async (path: string, signal: AbortSignal): Promise<Readable> => {
  if (!fs.statSync(path).isDirectory()) {
    throw importError("BadContent", `${path} is no folder: for a tar write tar:FILE`)
  }
  const node = MergedTree.root([{ root: fromText(fs.realpathSync(path)), opaque: new Set() }])
  await Steps.inTurns(checkOneDisk(node, node.stats.dev), signal)
  await Steps.inTurns(Archive.check({ name: "", node }), signal)
  return Readable.from(Archive.pack({ name: "", node }, Accounts.make(node)))
}

const others: ReadonlyArray<readonly [magic: string, tool: string]> = [["fd377a585a00", "xz"], ["425a68", "bzip2"]]

const refuseOthers = (path: string): void => {
  const fd = fs.openSync(path, "r")
  try {
    const first = Buffer.alloc(6)
    fs.readSync(fd, first)
    const found = others.find(([magic]) => first.toString("hex").startsWith(magic))
    if (found === undefined) return
    throw importError("Unsupported", `${path} is compressed by ${found[1]}: decompress it first (${found[1]} -dk)`)
  } finally {
    fs.closeSync(fd)
  }
}

/** What gives the bytes of the tar, one stream into the next. */
const streamsOf = async (source: Source, signal: AbortSignal): Promise<ReadonlyArray<NodeJS.ReadableStream>> => {
  if (source.kind === "dir") return [await ofFolder(source.path, signal)]
  if (!fs.statSync(source.path).isFile()) {
    throw importError("BadContent", `${source.path} is no file: for a folder write dir:DIR`)
  }
  refuseOthers(source.path)
  return tarOf(source.path)
}

/** The tar as a file, without compression; its digest. */
const writeTar = async (
  source: Source,
  fd: number,
  onBytes: (bytes: number) => void,
  signal: AbortSignal
): Promise<{ readonly digest: string; readonly size: number }> => {
  const hash = createHash("sha256")
  // what could not be unpacked need not be written
  const left = Budget.make()
  let size = 0
  const meter = new Transform({
    transform: (piece: Buffer, _, done) => {
      try {
        Budget.spend(left, { bytes: piece.length })
      } catch (cause) {
        return done(cause as Error)
      }
      hash.update(piece)
      size += piece.length
      onBytes(size)
      done(null, piece)
    }
  })
  const file = fs.createWriteStream("", { fd, autoClose: false, highWaterMark: 1 << 20 })
  await pipeline([...(await streamsOf(source, signal)), meter, file], { signal })
  return { digest: `sha256:${hash.digest("hex")}`, size }
}

const describe = (source: Source) => (cause: unknown): ImportError | StoreError => {
  if (cause instanceof ImportError) return cause
  if (cause instanceof PathError) {
    return importError("NotFound", `${source.path}${cause.path}: ${cause.description ?? "it cannot be read"}`)
  }
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  if (code === "ENOENT" || code === "ENOTDIR") return importError("NotFound", `${source.path} is not there`)
  if (code === "EACCES" || code === "EPERM") return importError("NotFound", `${source.path} may not be read (${code})`)
  return code.startsWith("Z_")
    ? importError("BadContent", `${source.path} cannot be decompressed: it is damaged`)
    : fromCause("reading the root file system")(cause)
}

const put = (folder: string, document: object): { readonly digest: string; readonly size: number } => {
  const bytes = Buffer.from(JSON.stringify(document))
  const digest = Manifest.digestOf(bytes)
  fs.writeFileSync(`${folder}/blobs/${digest.replace(":", "/")}`, bytes, { mode: 0o600 })
  return { digest, size: bytes.length }
}

const describeLayout = (folder: string, layer: { readonly digest: string; readonly size: number }): void => {
  const config = put(folder, {
    ...Manifest.thisMachine,
    config: {},
    rootfs: { type: "layers", diff_ids: [layer.digest] }
  })
  const mediaType = "application/vnd.oci.image.manifest.v1+json"
  const manifest = put(folder, {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer }]
  })
  fs.writeFileSync(
    `${folder}/index.json`,
    JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, ...manifest }] }),
    { mode: 0o600 }
  )
  fs.writeFileSync(`${folder}/oci-layout`, JSON.stringify({ imageLayoutVersion: "1.0.0" }), { mode: 0o600 })
}

/**
 * Writes the layout into the store's scratch, and gives its folder, which is gone with the scope. `onBytes` is told how
 * much of the tar there is.
 *
 * @since 0.1.0
 * @category importing
 */
export const layout = (
  scratch: Scratch,
  source: Source,
  onBytes: (bytes: number) => void
): Effect.Effect<string, ImportError | StoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const folder = yield* scratch.reserve(`blob-${randomUUID()}`)
    const part = `${folder}/layer`
    // open before it is written to: whoever removes the folder after an interruption finds all that there will be
    const fd = yield* Effect.acquireRelease(
      Effect.try({
        try: () => {
          fs.mkdirSync(`${folder}/blobs/sha256`, { recursive: true, mode: 0o700 })
          return fs.openSync(part, "wx", 0o600)
        },
        catch: fromCause("making room for the root file system")
      }),
      (fd) => Effect.sync(() => fs.closeSync(fd))
    )
    const layer = yield* settled((signal) => writeTar(source, fd, onBytes, signal), describe(source))
    yield* Effect.try({
      try: () => {
        fs.renameSync(part, `${folder}/blobs/${layer.digest.replace(":", "/")}`)
        describeLayout(folder, layer)
      },
      catch: fromCause("writing down what is imported")
    })
    return folder
  })

/** A promise that writes is waited for also when it is interrupted: its descriptor may be another file's afterwards. */
const settled = <A, E>(run: (signal: AbortSignal) => Promise<A>, failure: (cause: unknown) => E): Effect.Effect<A, E> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const controller = new AbortController()
      const promise = run(controller.signal)
      const over = Effect.promise(() => promise.then(() => undefined, () => undefined))
      return restore(Effect.tryPromise({ try: () => promise, catch: failure })).pipe(
        Effect.onInterrupt(() => Effect.zipRight(Effect.sync(() => controller.abort()), over))
      )
    })
  )
