/**
 * Making folders, and looking into them.
 *
 * @since 0.1.0
 */
import { existsSync, mkdirSync, opendirSync } from "node:fs"
import { dirname } from "node:path"

/**
 * Makes a folder and those above it, as `mkdir -p` does; what is there already stays as it is. Not Node's own recursive
 * `mkdir`: where the kernel refuses a new name with ENOENT although the folder above exists (/proc, /sys), that one
 * tries again for ever, and no timer can end it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeFolders = (path: string, mode: number): void => {
  if (existsSync(path)) return
  const above = dirname(path)
  if (above !== path) makeFolders(above, mode)
  try {
    mkdirSync(path, { mode })
  } catch (cause) {
    // somebody else made it in between
    if (!existsSync(path)) throw cause
  }
}

/**
 * An entry of a folder, by the bytes of its name.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry {
  readonly name: Buffer
  readonly isFolder: boolean
}

/**
 * The entries of a folder that has at most so many, else `undefined`: a folder of hundreds of thousands is read for as
 * long as it takes to see that.
 *
 * @since 0.1.0
 * @category reading
 */
export const fewEntries = (path: Buffer | string, most: number): ReadonlyArray<Entry> | undefined => {
  // each byte of a name is a character, and the other way round
  const folder = opendirSync(path, { encoding: "latin1", bufferSize: most + 1 })
  try {
    const found: Array<Entry> = []
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
      if (found.length === most) return undefined
      found.push({ name: Buffer.from(entry.name, "latin1"), isFolder: entry.isDirectory() })
    }
    return found
  } finally {
    folder.closeSync()
  }
}
