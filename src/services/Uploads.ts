/**
 * Getting files to the service: what it has already is not sent again.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import type * as Errors from "../schemas/Errors.js"
import * as Ids from "../schemas/Ids.js"
import type { Uploaded } from "../schemas/Uploaded.js"
import type * as Wire from "../schemas/Wire.js"
import type * as ContreeApi from "./ContreeApi.js"
import * as File from "./File.js"
import type * as Limits from "./Limits.js"
import type { Placed } from "./RunRequest.js"

interface Deps {
  readonly api: ContreeApi.Service
  readonly limits: Limits.Limits
}

/** none where the platform has no WebCrypto (a page that is not served securely) */
const digest = (bytes: Uint8Array): Effect.Effect<Ids.Sha256 | undefined> =>
  Effect.suspend(() => {
    const subtle = globalThis.crypto?.subtle
    if (subtle === undefined) return Effect.succeed(undefined)
    // WebCrypto takes no view of shared memory, and the types cannot tell which this is
    const input: Uint8Array<ArrayBuffer> = bytes.buffer instanceof ArrayBuffer
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new Uint8Array(bytes)
    return Effect.promise(() => subtle.digest("SHA-256", input)).pipe(
      Effect.map((hash) => Ids.Sha256.make(Encoding.encodeHex(new Uint8Array(hash))))
    )
  })

const fromWire = (file: Wire.UploadedFile): Uploaded => ({ id: file.uuid, sha256: file.sha256, size: file.size })

const limited = <A, E, R>(deps: Deps, self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Errors.RequestError, R> =>
  Effect.flatMap(deps.limits.uploads, (semaphore) => semaphore.withPermits(1)(self))

/** a source, and what tells it from others: equal keys are surely the same content */
interface Keyed<E, R> {
  readonly source: File.Source<E, R>
  readonly key: unknown
  readonly sha256: Ids.Sha256 | undefined
}

const withKey = <E, R>(
  content: File.Content,
  source: File.Source<E, R>,
  paths: Map<string, object>
): Effect.Effect<Keyed<E, R>> => {
  if (source._tag === "Bytes") {
    return Effect.map(digest(source.bytes), (sha256) => ({ source, sha256, key: sha256 ?? source.bytes }))
  }
  let key: unknown = content
  // `{ ...file, mode }` is another object around the same stream
  if (File.isFile(content) && "content" in content) key = content.content
  if (File.isFile(content) && "local" in content && typeof content.local === "string") {
    key = paths.get(content.local) ?? {}
    paths.set(content.local, key as object)
  }
  return Effect.succeed({ source, key, sha256: undefined })
}

const send = <E, R>(
  deps: Deps,
  { sha256, source }: Keyed<E, R>
): Effect.Effect<Uploaded, Errors.UploadError | E, R> => {
  switch (source._tag) {
    case "Uploaded":
      return Effect.succeed(source.file)
    case "Bytes": {
      const sent = Effect.map(deps.api.uploadFile<never, never>(source.bytes, { size: source.size }), fromWire)
      if (sha256 === undefined) return limited(deps, sent)
      const known = Effect.map(deps.api.getFile(sha256), fromWire)
      return limited(deps, Effect.catchTag(known, "NotFoundError", () => sent))
    }
    case "Stream": {
      const sent = deps.api.uploadFile(source.stream, source.size === undefined ? {} : { size: source.size })
      const upload = Effect.map(sent, fromWire)
      // A program's own stream may come from a run that uploads too: were it counted, they could wait for each other.
      return source.restartable ? limited(deps, upload) : upload
    }
  }
}

/**
 * @internal
 */
export const upload = <const F extends File.Content>(
  deps: Deps,
  content: F
): Effect.Effect<Uploaded, Errors.UploadError | File.Error<F>, File.Context<F>> =>
  File.toContent(content).pipe(
    Effect.flatMap((source) => withKey(content, source, new Map())),
    Effect.flatMap((keyed) => send(deps, keyed))
  )

/**
 * Sends each content once, and says where each goes. Every local file is looked at before the first byte is sent.
 *
 * @internal
 */
export const place = <F extends File.Content>(
  deps: Deps,
  files: ReadonlyArray<Placed<F>>
): Effect.Effect<Pick<Wire.InstanceSpawnRequest, "files">, Errors.UploadError | File.Error<F>, File.Context<F>> =>
  Effect.gen(function*() {
    if (files.length === 0) return {}
    const paths = new Map<string, object>()
    const prepared = yield* Effect.forEach(files, ({ content, destination }) =>
      File.toContent(content).pipe(
        Effect.flatMap((source) => withKey(content, source, paths)),
        Effect.map((keyed) => ({ destination, keyed }))
      ))
    const distinct = new Map(prepared.map(({ keyed }) => [keyed.key, keyed]))
    const uploaded = new Map(
      yield* Effect.forEach(
        distinct.values(),
        (keyed) => Effect.map(send(deps, keyed), (file) => [keyed.key, file] as const),
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
