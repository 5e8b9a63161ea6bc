/**
 * The folder of a store: made private, and only where overlays work.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { chmodSync, existsSync, readdirSync, realpathSync, statfsSync, statSync } from "node:fs"
import { EngineError } from "../EngineError.js"
import { makeFolders } from "../Folders.js"

/** File systems that cannot hold the upper folder of an overlay, by the number that `statfs` gives. */
const refused: ReadonlyMap<number, string> = new Map([
  [0x794c7630, "an overlay (the root of a container is one)"],
  [0x6969, "NFS"],
  [0x65735546, "FUSE"],
  [0x01021997, "9p"],
  [0xff534d42, "CIFS"],
  [0x4d44, "FAT"]
])

const folders = ["l", "tmp", "files", "blobs", "events"]

const unusable = (description: string): EngineError => new EngineError({ reason: "StoreUnusable", description })

const checkPrivate = (path: string): void => {
  if ((statSync(path).mode & 0o077) === 0) return
  // Never another's folder: somebody may have named their home.
  if (!existsSync(`${path}/contree.db`) && readdirSync(path).length > 0) {
    throw unusable(`${path} is not empty and no store: name a folder of its own, which the engine makes if need be`)
  }
  chmodSync(path, 0o700)
}

const prepareSync = (asked: string): string => {
  makeFolders(asked, 0o700)
  const path = realpathSync(asked)
  // The real path is handed to tools and mounts: what cuts an option or a line has no place in it.
  if (/[\0-\x1f\x7f]/.test(path)) {
    throw unusable(`${JSON.stringify(path)} has control characters: choose another folder`)
  }
  checkPrivate(path)
  const kind = refused.get(statfsSync(path).type)
  if (kind !== undefined) {
    throw unusable(
      `${path} is on ${kind}, where the kernel makes no overlay: choose a folder on a local disk (ext4, xfs, btrfs) or ` +
        "tmpfs; in a container, a volume"
    )
  }
  folders.forEach((name) => makeFolders(`${path}/${name}`, 0o700))
  return path
}

/**
 * Makes the folder with mode 0700 and all that belongs into it, and tells its real path.
 *
 * @since 0.1.0
 * @category constructors
 */
export const prepare = (asked: string): Effect.Effect<string, EngineError> =>
  Effect.suspend(() =>
    process.platform === "linux"
      ? Effect.try({
        try: () => prepareSync(asked),
        catch: (cause) =>
          cause instanceof EngineError ? cause : unusable(
            `${asked} cannot be used as the folder of the store: ${
              cause instanceof Error ? cause.message : String(cause)
            }`
          )
      })
      : Effect.fail(
        new EngineError({
          reason: "UnsupportedPlatform",
          description: `the engine runs on Linux, and this is ${process.platform}: use a Linux machine or container`
        })
      )
  )
