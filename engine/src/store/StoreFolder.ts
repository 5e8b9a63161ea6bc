/**
 * The folder of a store: made private, and only where overlays work.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { chmodSync, existsSync, lstatSync, readdirSync, realpathSync, statfsSync, statSync } from "node:fs"
import { EngineError } from "../EngineError.js"
import { makeFolders } from "../Folders.js"
import * as FileSystems from "./FileSystems.js"
import * as Names from "./Names.js"

const folders = ["l", "tmp", "mnt", "files", "blobs", "events"]

const unusable = (description: string): EngineError => new EngineError({ reason: "StoreUnusable", description })

/** What a start or a check that ended before there was a database leaves: nothing that could be anybody's work. */
const isOurs = (path: string, name: string): boolean =>
  Names.isProbe(name) || folders.includes(name) && lstatSync(`${path}/${name}`).isDirectory() &&
    readdirSync(`${path}/${name}`).every((inner) => name === "tmp" && Names.doctorPid(inner) !== undefined)

/** Before anything is written: somebody may have named a home, their own or another's. */
const checkTheirs = (path: string): void => {
  const { uid } = statSync(path)
  if (uid !== process.geteuid?.()) {
    throw unusable(
      `${path} belongs to uid ${uid}, and the engine runs as uid ${process.geteuid?.()}: start it as the owner, or ` +
        "name a folder of your own"
    )
  }
  if (!existsSync(`${path}/contree.db`) && !readdirSync(path).every((name) => isOurs(path, name))) {
    throw unusable(`${path} is not empty and no store: name a folder of its own, which the engine makes if need be`)
  }
}

const prepareSync = (asked: string): string => {
  makeFolders(asked, 0o700)
  const path = realpathSync(asked)
  // The real path is handed to tools and mounts: what cuts an option or a line has no place in it.
  if (/[\0-\x1f\x7f]/.test(path)) {
    throw unusable(`${JSON.stringify(path)} has control characters: choose another folder`)
  }
  checkTheirs(path)
  const kind = FileSystems.refused.get(statfsSync(path).type)
  if (kind !== undefined) {
    throw unusable(
      `${path} is on ${kind}, where the kernel makes no overlay: choose a folder on a local disk (ext4, xfs, btrfs) or ` +
        "tmpfs; in a container, a volume"
    )
  }
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o700)
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
