/**
 * Getting files to the service: what it has already is not sent again.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Stream from "effect/Stream"
import * as Sha256 from "../internal/Sha256.js"
import * as Errors from "../schemas/Errors.js"
import * as Ids from "../schemas/Ids.js"
import type { Uploaded } from "../schemas/Uploaded.js"
import type * as Wire from "../schemas/Wire.js"
import type * as ContreeApi from "./ContreeApi.js"
import * as File from "./File.js"
import * as FileSource from "./FileSource.js"
import type * as Limits from "./Limits.js"
import type { Placed } from "./RunRequest.js"

interface Deps {
  readonly api: ContreeApi.Service
  readonly limits: Limits.Limits
}

// --------------------------------------------------------------------------------------------------------- digests

/** in bytes; below, asking WebCrypto takes longer than hashing here */
const webCryptoFrom = 2048

const digestOf = (bytes: Uint8Array): Effect.Effect<Ids.Sha256> =>
  Effect.suspend(() => {
    const subtle = globalThis.crypto?.subtle
    // a page that is not served securely has no WebCrypto
    if (subtle === undefined || bytes.length < webCryptoFrom) {
      return Effect.succeed(Ids.Sha256.make(Sha256.hex(bytes)))
    }
    // WebCrypto takes no view of shared memory, and the types cannot tell which this is
    const input: Uint8Array<ArrayBuffer> = bytes.buffer instanceof ArrayBuffer
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new Uint8Array(bytes)
    return Effect.promise(() => subtle.digest("SHA-256", input)).pipe(
      Effect.map((hash) => Ids.Sha256.make(Encoding.encodeHex(new Uint8Array(hash))))
    )
  })

/** The stream, hashed as it is read. */
const hashing = <E, R>(
  stream: Stream.Stream<Uint8Array, E, R>,
  hasher: Sha256.Hasher
): Stream.Stream<Uint8Array, E, R> =>
  Stream.mapChunks(stream, (chunk) => {
    for (const bytes of chunk) hasher.update(bytes)
    return chunk
  })

// --------------------------------------------------------------------------------------------------------- sending

const fromWire = (file: Wire.UploadedFile): Uploaded => ({ id: file.uuid, sha256: file.sha256, size: file.size })

/** A file that is not what was sent must not go into a sandbox. */
const verified = (file: Wire.UploadedFile, sent: string): Effect.Effect<Uploaded, Errors.DecodeError> =>
  file.sha256 === sent ? Effect.succeed(fromWire(file)) : Effect.fail(
    new Errors.DecodeError({
      method: "Files.upload",
      description:
        `what the service has is not what was sent: its SHA-256 is ${file.sha256}, that of the bytes ${sent}`,
      // the same content is the same file, however often it is sent
      retryable: true
    })
  )

const limited = <A, E, R>(deps: Deps, self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Errors.RequestError, R> =>
  Effect.flatMap(deps.limits.uploads, (semaphore) => semaphore.withPermits(1)(self))

/** Sends it, whatever the service has; `sha256` where it is known already. */
const send = <E, R>(
  deps: Deps,
  source: Exclude<FileSource.Source<E, R>, { readonly _tag: "Uploaded" }>,
  sha256: Ids.Sha256 | undefined
): Effect.Effect<Uploaded, Errors.UploadError | E, R> => {
  if (source._tag === "Bytes") {
    return Effect.flatMap(
      sha256 === undefined ? digestOf(source.bytes) : Effect.succeed(sha256),
      (sent) =>
        Effect.flatMap(
          deps.api.uploadFile<never, never>(source.bytes, { size: source.size }),
          (file) => verified(file, sent)
        )
    )
  }
  return Effect.suspend(() => {
    // Hashed again: a local file may have changed since it was looked at, and is then what it is now.
    const hasher = Sha256.make()
    const stream = hashing(source.stream, hasher)
    return Effect.flatMap(
      deps.api.uploadFile(stream, source.size === undefined ? {} : { size: source.size }),
      (file) => verified(file, hasher.hex())
    )
  })
}

/**
 * Sends it, even where the service has it.
 *
 * @internal
 */
export const upload = <const F extends File.Content>(
  deps: Deps,
  content: F
): Effect.Effect<Uploaded, Errors.UploadError | File.Error<F>, File.Context<F>> =>
  Effect.flatMap(FileSource.toContent(content), (source) => {
    if (source._tag === "Uploaded") return Effect.succeed(source.file)
    const sent = send(deps, source, undefined)
    // A program's own stream may come from a run that uploads too: were it counted, they could wait for each other.
    return source._tag === "Stream" && source.digest === undefined ? sent : limited(deps, sent)
  })

// -------------------------------------------------------------------------------------------------------- ensuring

/** a source, and what tells it from others: equal keys are surely the same content */
interface Keyed<E, R> {
  readonly source: FileSource.Source<E, R>
  readonly key: unknown
  /** of what can be read again */
  readonly sha256: Ids.Sha256 | undefined
}

/** by local path: one that is used twice is read once */
type Digests = Map<string, Ids.Sha256>

const localOf = (content: File.Content): string | undefined =>
  File.isFile(content) && "local" in content && typeof content.local === "string" ? content.local : undefined

const withKey = <E, R>(
  content: File.Content,
  source: FileSource.Source<E, R>,
  digests: Digests
): Effect.Effect<Keyed<E, R>, E, R> => {
  if (source._tag === "Bytes") {
    return Effect.map(digestOf(source.bytes), (sha256) => ({ source, sha256, key: sha256 }))
  }
  if (source._tag === "Stream" && source.digest !== undefined) {
    const local = localOf(content)
    const known = local === undefined ? undefined : digests.get(local)
    const digest = known === undefined ? source.digest : Effect.succeed(known)
    return Effect.map(digest, (hex) => {
      const sha256 = Ids.Sha256.make(hex)
      if (local !== undefined) digests.set(local, sha256)
      return { source, sha256, key: sha256 }
    })
  }
  // `{ ...file, mode }` is another object around the same stream
  const key: unknown = File.isFile(content) && "content" in content ? content.content : localOf(content) ?? content
  return Effect.succeed({ source, key, sha256: undefined })
}

/** Looks whether the service has it, and sends it if not; what can be read only once is sent. */
const settle = <E, R>(
  deps: Deps,
  { sha256, source }: Keyed<E, R>
): Effect.Effect<Uploaded, Errors.UploadError | E, R> => {
  if (source._tag === "Uploaded") return Effect.succeed(source.file)
  const sent = send(deps, source, sha256)
  if (sha256 === undefined) return sent
  const known = Effect.map(deps.api.getFile(sha256), fromWire)
  return limited(deps, Effect.catchTag(known, "NotFoundError", () => sent))
}

/**
 * Sends it unless the service has it.
 *
 * @internal
 */
export const ensure = <const F extends File.Content>(
  deps: Deps,
  content: F
): Effect.Effect<Uploaded, Errors.UploadError | File.Error<F>, File.Context<F>> =>
  FileSource.toContent(content).pipe(
    Effect.flatMap((source) => withKey(content, source, new Map())),
    Effect.flatMap((keyed) => settle(deps, keyed))
  )

/**
 * Sends each content once, if the service has not got it, and says where each goes. Every local file is read before the
 * first byte is sent.
 *
 * @internal
 */
export const place = <F extends File.Content>(
  deps: Deps,
  files: ReadonlyArray<Placed<F>>
): Effect.Effect<Pick<Wire.InstanceSpawnRequest, "files">, Errors.UploadError | File.Error<F>, File.Context<F>> =>
  Effect.gen(function*() {
    if (files.length === 0) return {}
    const digests: Digests = new Map()
    const prepared = yield* Effect.forEach(files, ({ content, destination }) =>
      FileSource.toContent(content).pipe(
        Effect.flatMap((source) => withKey(content, source, digests)),
        Effect.map((keyed) => ({ destination, keyed }))
      ))
    const distinct = new Map(prepared.map(({ keyed }) => [keyed.key, keyed]))
    const uploaded = new Map(
      yield* Effect.forEach(
        distinct.values(),
        (keyed) => Effect.map(settle(deps, keyed), (file) => [keyed.key, file] as const),
        { concurrency: "unbounded" }
      )
    )
    const specs: Record<string, Wire.FileSpec> = Object.create(null)
    for (const { destination, keyed: { key, source } } of prepared) {
      const file = uploaded.get(key)
      if (file === undefined) continue
      specs[destination] = {
        uuid: file.id,
        ...(source.uid === undefined ? {} : { uid: source.uid }),
        ...(source.gid === undefined ? {} : { gid: source.gid }),
        ...(source.mode === undefined ? {} : { mode: source.mode })
      }
    }
    return { files: specs }
  })
