/**
 * What lies on the disk before a chain starts: the attributes of the image's root, and the contents of the files that are
 * to be put in place, next to the run's upper.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FsSync from "node:fs"
import * as Fs from "node:fs/promises"
import { dirname } from "node:path/posix"
import type { BoxError } from "./BoxReport.js"
import type { BoxSpec } from "./BoxSpec.js"
import type { Mode } from "./Chain.js"
import { systemError } from "./Outcome.js"

/** The folder of the contents, relative to the store. */
export const contentsOf = (spec: BoxSpec): string => `${dirname(spec.upper)}/f`

// the merged root has the attributes of the upper's root: those of the image have to be given to it
const copyRootAttributes = (store: string, spec: BoxSpec, mode: Mode): void => {
  const top = FsSync.lstatSync(`${store}/${spec.layers.at(-1) ?? ""}`, { throwIfNoEntry: false })
  // the mount says more about a layer that is not there
  if (top === undefined) return
  const upper = `${store}/${spec.upper}`
  const now = FsSync.lstatSync(upper)
  if (mode === "root" && (now.uid !== top.uid || now.gid !== top.gid)) FsSync.lchownSync(upper, top.uid, top.gid)
  if (now.mode !== top.mode) FsSync.chmodSync(upper, top.mode & 0o7777)
}

// hard links where they can be: no data is copied, and one bind mount shows them all to the box that places them
const gatherContents = async (folder: string, spec: BoxSpec): Promise<void> => {
  await Fs.mkdir(folder, { mode: 0o700 })
  for (const [index, file] of spec.files.entries()) {
    const source = await Fs.realpath(file.source)
    const target = `${folder}/${index}`
    // another file system, or a file of somebody else
    await Fs.link(source, target).catch(() => Fs.copyFile(source, target, Fs.constants.COPYFILE_FICLONE))
  }
}

/**
 * For the time of `use`; whatever happens in there, the contents are gone afterwards. `use` gets what does it: to be done
 * before the chain is let go, and best while it comes up.
 */
export const withContents = <A, E, R>(
  options: { readonly store: string; readonly spec: BoxSpec; readonly mode: Mode },
  use: (fill: Effect.Effect<void, BoxError>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const { mode, spec, store } = options
  const folder = `${store}/${contentsOf(spec)}`
  const fill = Effect.uninterruptible(Effect.tryPromise({
    try: async () => {
      copyRootAttributes(store, spec, mode)
      if (spec.files.length > 0) await gatherContents(folder, spec)
    },
    catch: (cause) => systemError(`preparing the run in ${folder}`, cause)
  }))
  // what stays goes with the folder of the whole operation, or with the next cleaning
  const empty = Effect.promise(() => Fs.rm(folder, { recursive: true, force: true }).catch(() => {}))
  return spec.files.length === 0 ? use(fill) : Effect.ensuring(use(fill), empty)
}
