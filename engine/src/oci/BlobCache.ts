/**
 * The blobs of registries, kept in the store by digest: what another image brought already is not fetched again.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash, randomUUID } from "node:crypto"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import type { Scratch } from "../store/Scratch.js"
import type { StoreError } from "../store/StoreError.js"
import { fromCause } from "../store/StoreError.js"
import * as FileDigest from "./FileDigest.js"
import type { ImportError } from "./ImportError.js"
import { importError } from "./ImportError.js"
import type { Descriptor } from "./Manifest.js"
import type { Failed } from "./Patience.js"
import { passing, pauseOf, tries } from "./Patience.js"
import type { Registry } from "./Registry.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface BlobCache {
  /**
   * Where the bytes of a blob are, on the host, fetched if need be: with its digest and size, also where it was there
   * already. What breaks off goes on where it ended, and five tries in a row that bring no byte are the end; what is not
   * as its digest and size say is fetched once more, and then fails with `BadContent`. `onBytes` is told how many are
   * there, as they come.
   */
  readonly fetch: (
    registry: Registry,
    blob: Descriptor,
    onBytes: (bytes: number) => void
  ) => Effect.Effect<string, ImportError | StoreError>
}

interface Claim {
  readonly mine: boolean
  readonly done: Deferred.Deferred<void>
}

const storing = fromCause("storing a blob of the image")

const open = (path: string): Effect.Effect<fs.FileHandle, StoreError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({ try: () => fs.open(path, "w", 0o600), catch: storing }),
    (file) => Effect.ignore(Effect.tryPromise(() => file.close()))
  )

const bad = ({ digest }: Descriptor, what: string): ImportError =>
  importError("BadContent", `the blob ${digest} is not what its digest says: ${what}`)

const writeAt = async (file: fs.FileHandle, piece: Uint8Array, position: number): Promise<void> => {
  for (let done = 0; done < piece.length;) {
    done += (await file.write(piece, done, piece.length - done, position + done)).bytesWritten
  }
}

/** A blob from its first byte to its last, across connections. */
const download = (
  registry: Registry,
  blob: Descriptor,
  file: fs.FileHandle,
  onBytes: (bytes: number) => void
): Effect.Effect<void, ImportError | StoreError> =>
  Effect.gen(function*() {
    let hash = createHash("sha256")
    let size = 0
    const restart = Effect.suspend(() => {
      hash = createHash("sha256")
      size = 0
      return Effect.tryPromise({ try: () => file.truncate(0), catch: storing })
    })
    const take = (piece: Uint8Array): Effect.Effect<void, ImportError | StoreError> =>
      Effect.suspend((): Effect.Effect<void, ImportError | StoreError> => {
        if (size + piece.length > blob.size) return Effect.fail(bad(blob, `there are more than ${blob.size} bytes`))
        return Effect.tryPromise({ try: () => writeAt(file, piece, size), catch: storing }).pipe(
          Effect.map(() => {
            size += piece.length
            hash.update(piece)
            onBytes(size)
          })
        )
      })
    const attempt: Effect.Effect<void, Failed | ImportError | StoreError> = Effect.scoped(Effect.gen(function*() {
      const { bytes, restarted } = yield* registry.blob(blob.digest, size)
      if (restarted && size > 0) yield* restart
      yield* Stream.runForEach(bytes, take)
    }))
    const short = passing(`the blob ${blob.digest} ends before its ${blob.size} bytes are there`)
    let done = 0
    while (size < blob.size) {
      const before = size
      const end = yield* Effect.either(attempt)
      if (Either.isRight(end) && size >= blob.size) break
      const failed = Either.isLeft(end) ? end.left : short
      if (failed._tag !== "Failed") return yield* Effect.fail(failed)
      done = size > before ? 1 : done + 1
      if (!failed.retryable || done >= tries) return yield* Effect.fail(failed.error)
      registry.onTrouble(failed.error)
      yield* Effect.sleep(pauseOf(failed, done))
    }
    const digest = `sha256:${hash.digest("hex")}`
    if (digest !== blob.digest) yield* Effect.fail(bad(blob, `its bytes have the digest ${digest}`))
  })

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (store: string, scratch: Scratch): BlobCache => {
  const pathOf = (digest: string): string => join(store, "blobs", digest.slice("sha256:".length))
  /** what is on its way: who wants the same waits for it */
  const coming = new Map<string, Deferred.Deferred<void>>()

  /** What a disk or somebody has changed is as good as not there. */
  const cached = (blob: Descriptor): Effect.Effect<Option.Option<string>, StoreError> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.tryPromise({
        try: async (signal) => {
          const path = pathOf(blob.digest)
          const stats = await fs.stat(path).catch((cause: NodeJS.ErrnoException) => {
            if (cause.code === "ENOENT") return undefined
            throw cause
          })
          if (stats === undefined) return Option.none()
          const isWhole = stats.isFile() && stats.size === blob.size &&
            await FileDigest.digestOf(path, signal) === blob.digest
          if (!isWhole) return Option.none()
          // used now, as far as the collection of garbage is concerned
          await fs.utimes(path, now / 1000, now / 1000)
          return Option.some(path)
        },
        catch: fromCause("looking for a blob of the image")
      }))

  const fetchNew = (
    registry: Registry,
    blob: Descriptor,
    onBytes: (bytes: number) => void
  ): Effect.Effect<string, ImportError | StoreError> =>
    Effect.gen(function*() {
      const part = yield* scratch.reserve(`blob-${randomUUID()}`)
      const attempt = Effect.scoped(
        Effect.flatMap(open(part), (file) => download(registry, blob, file, onBytes))
      )
      // a line may change a byte: once more, and it is the registry's own
      yield* Effect.catchTag(
        attempt,
        "ImportError",
        (error) => error.reason === "BadContent" ? attempt : Effect.fail(error)
      )
      yield* Effect.tryPromise({ try: () => fs.rename(part, pathOf(blob.digest)), catch: storing })
      return pathOf(blob.digest)
    }).pipe(Effect.scoped)

  const claim = (digest: string): Claim => {
    const other = coming.get(digest)
    if (other !== undefined) return { mine: false, done: other }
    const done = Deferred.unsafeMake<void>(FiberId.none)
    coming.set(digest, done)
    return { mine: true, done }
  }

  const fetch: BlobCache["fetch"] = (registry, blob, onBytes) =>
    Effect.acquireUseRelease(
      Effect.sync(() => claim(blob.digest)),
      ({ done, mine }) =>
        Effect.flatMap(
          cached(blob),
          Option.match({
            onSome: (path) => Effect.as(Effect.sync(() => onBytes(blob.size)), path),
            onNone: (): Effect.Effect<string, ImportError | StoreError> =>
              mine
                ? fetchNew(registry, blob, onBytes)
                // whether it came or not: look again
                : Effect.zipRight(Deferred.await(done), fetch(registry, blob, onBytes))
          })
        ),
      ({ done, mine }) =>
        mine
          ? Effect.suspend(() => {
            coming.delete(blob.digest)
            return Deferred.succeed(done, undefined)
          })
          : Effect.void
    )

  return { fetch }
}
