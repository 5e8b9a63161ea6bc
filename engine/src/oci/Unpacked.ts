/**
 * The layers of an image, one over the other, in a folder.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { fromText } from "../image/HostBytes.js"
import * as Steps from "../image/Steps.js"
import { fromCause } from "../store/StoreError.js"
import type { StoreError } from "../store/StoreError.js"
import type * as Budget from "./Budget.js"
import { ImportError, importError } from "./ImportError.js"
import * as Rootfs from "./Rootfs.js"
import * as Unpack from "./Unpack.js"

const codeOf = (cause: unknown): unknown => cause instanceof Error && "code" in cause ? cause.code : undefined

/** Some failures of the file system are the image's, and no disk would do better. */
const failure = (cause: unknown): ImportError | StoreError => {
  if (cause instanceof ImportError) return cause
  switch (codeOf(cause)) {
    case "ENAMETOOLONG":
      return importError("Unsupported", "a layer has a name of more than 255 bytes, or a path of more than 4,095")
    case "EINVAL":
      return importError(
        "Unsupported",
        "a layer has a name, an owner or a time that the file system here does not take; an engine that is root of a " +
          "user namespace alone knows only the owners that are mapped into it"
      )
    default:
      return fromCause("unpacking the image")(cause)
  }
}

/**
 * A promise that writes is waited for also when it is interrupted: nobody may remove a folder that it still fills.
 */
const settled = <A>(
  run: (signal: AbortSignal) => Promise<A>
): Effect.Effect<A, ImportError | StoreError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const controller = new AbortController()
      const promise = Promise.resolve(controller.signal).then(run)
      const over = Effect.promise(() => promise.then(() => undefined, () => undefined))
      return restore(Effect.tryPromise({
        try: () => promise,
        catch: failure
      })).pipe(
        Effect.onInterrupt(() => Effect.zipRight(Effect.sync(() => controller.abort()), over))
      )
    })
  )

/**
 * Any tar in a folder, with the care that a layer needs.
 *
 * @since 0.1.0
 * @category unpacking
 */
export const archive = (
  folder: string,
  file: string,
  left: Budget.Budget
): Effect.Effect<void, ImportError | StoreError> =>
  Effect.asVoid(settled((signal) => Unpack.layer(Rootfs.make(fromText(folder), left), file, signal)))

/**
 * Fills `folder`, which is empty, with the layers, bottom first, and what runs need besides. Each tar must have the
 * digest that the configuration of the image says. `onLayer` is told after each.
 *
 * @since 0.1.0
 * @category unpacking
 */
export const layers = (options: {
  readonly folder: string
  readonly files: ReadonlyArray<string>
  readonly diffIds: ReadonlyArray<string>
  readonly cwd: string
  readonly left: Budget.Budget
  readonly onLayer: (done: number) => void
}): Effect.Effect<void, ImportError | StoreError> =>
  Effect.gen(function*() {
    const { cwd, diffIds, files, folder, left } = options
    if (files.length !== diffIds.length) {
      return yield* importError(
        "BadContent",
        `the image has ${files.length} layers, and its configuration speaks of ${diffIds.length}`
      )
    }
    const rootfs = Rootfs.make(fromText(folder), left)
    for (const [index, file] of files.entries()) {
      const { diffId } = yield* settled((signal) => Unpack.layer(rootfs, file, signal))
      if (diffId !== diffIds[index]) {
        return yield* importError(
          "BadContent",
          `layer ${index + 1} is not what the image's configuration says: its digest is ${diffId}`
        )
      }
      options.onLayer(index + 1)
    }
    yield* settled((signal) => {
      if (cwd !== "") Rootfs.resolve(rootfs, fromText(cwd))
      Rootfs.addMountPoints(rootfs)
      return Steps.inTurns(Rootfs.seal(rootfs), signal)
    })
  })
