/**
 * The layers of an image, one over the other, in a folder.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { fromText } from "../image/HostBytes.js"
import { fromCause } from "../store/StoreError.js"
import type { StoreError } from "../store/StoreError.js"
import { ImportError, importError } from "./ImportError.js"
import * as Rootfs from "./Rootfs.js"
import * as Unpack from "./Unpack.js"

/**
 * A promise that writes is waited for also when it is interrupted: nobody may remove a folder that it still fills.
 */
const settled = <A>(
  run: (signal: AbortSignal) => Promise<A>
): Effect.Effect<A, ImportError | StoreError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const controller = new AbortController()
      const promise = run(controller.signal)
      const over = Effect.promise(() => promise.then(() => undefined, () => undefined))
      return restore(Effect.tryPromise({
        try: () => promise,
        catch: (cause) => cause instanceof ImportError ? cause : fromCause("unpacking the image")(cause)
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
export const archive = (folder: string, file: string): Effect.Effect<void, ImportError | StoreError> =>
  Effect.asVoid(settled((signal) => Unpack.layer(Rootfs.make(fromText(folder)), file, Unpack.budget(), signal)))

/**
 * Fills `folder`, which is empty, with the layers, bottom first, and what runs need besides. Each tar must have the
 * digest that the configuration of the image says; `onDamaged` is told when one has not. `onLayer` is told after each.
 *
 * @since 0.1.0
 * @category unpacking
 */
export const layers = (options: {
  readonly folder: string
  readonly files: ReadonlyArray<string>
  readonly diffIds: ReadonlyArray<string>
  readonly cwd: string
  readonly onLayer: (done: number) => void
  readonly onDamaged: (index: number) => Effect.Effect<void, StoreError>
}): Effect.Effect<void, ImportError | StoreError> =>
  Effect.gen(function*() {
    const { cwd, diffIds, files, folder } = options
    if (files.length !== diffIds.length) {
      return yield* importError(
        "BadContent",
        `the image has ${files.length} layers, and its configuration speaks of ${diffIds.length}`
      )
    }
    const rootfs = Rootfs.make(fromText(folder))
    const left = Unpack.budget()
    for (const [index, file] of files.entries()) {
      const { diffId } = yield* settled((signal) => Unpack.layer(rootfs, file, left, signal))
      if (diffId !== diffIds[index]) {
        yield* options.onDamaged(index)
        return yield* importError(
          "BadContent",
          `layer ${index + 1} is not what the image's configuration says: its digest is ${diffId}`
        )
      }
      options.onLayer(index + 1)
    }
    yield* Effect.try({
      try: () => {
        if (cwd !== "") Rootfs.resolve(rootfs, fromText(cwd))
        Rootfs.addMountPoints(rootfs)
        Rootfs.seal(rootfs)
      },
      catch: (cause) => cause instanceof ImportError ? cause : fromCause("unpacking the image")(cause)
    })
  })
