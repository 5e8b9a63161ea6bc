/**
 * Making folders.
 *
 * @since 0.1.0
 */
import { existsSync, mkdirSync } from "node:fs"
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
