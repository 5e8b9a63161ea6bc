/**
 * The names of owners and groups, as an image's own /etc/passwd and /etc/group have them.
 *
 * @since 0.1.0
 */
import { closeSync, constants, openSync, readSync } from "node:fs"
import { isRoot } from "../store/Privilege.js"
import { toBuffer } from "./HostBytes.js"
import type { Node } from "./MergedTree.js"
import * as MergedTree from "./MergedTree.js"
import * as Steps from "./Steps.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Accounts {
  readonly owner: (uid: number) => string | number
  readonly group: (gid: number) => string | number
}

/** far more than any such file has; a larger one is not worth its memory */
const maxBytes = 4 << 20

const readText = (root: Node, path: string): string => {
  try {
    const { node } = Steps.atOnce(MergedTree.resolve(root, path, true))
    if (!node.stats.isFile() || node.stats.size > maxBytes) return ""
    const fd = openSync(toBuffer(node.host), constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const bytes = Buffer.alloc(node.stats.size)
      return bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, 0))
    } finally {
      closeSync(fd)
    }
  } catch {
    // An image without names is as good as any: numbers do.
    return ""
  }
}

/** `name:x:number:...`; the first line that has the number wins, as it does for `ls` */
const names = (text: string): ReadonlyMap<number, string> =>
  new Map(
    text.split("\n").map((line) => line.split(":")).filter(([name, , id]) =>
      name !== undefined && name !== "" && id !== undefined && /^\d+$/.test(id)
    ).map(([name, , id]) => [Number(id), name ?? ""] as const).reverse()
  )

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (root: Node): Accounts => {
  const owners = names(readText(root, "/etc/passwd"))
  const groups = names(readText(root, "/etc/group"))
  return { owner: (uid) => owners.get(uid) ?? uid, group: (gid) => groups.get(gid) ?? gid }
}

const nobody = 65534

/**
 * The ids as they are inside a box: an ordinary user's files are root's there, and everybody else's are nobody's.
 *
 * @since 0.1.0
 * @category conversions
 */
export const inBox = (stats: { readonly uid: number; readonly gid: number }): {
  readonly uid: number
  readonly gid: number
} =>
  isRoot() ? { uid: stats.uid, gid: stats.gid } : {
    uid: stats.uid === process.geteuid?.() ? 0 : nobody,
    gid: stats.gid === process.getegid?.() ? 0 : nobody
  }
