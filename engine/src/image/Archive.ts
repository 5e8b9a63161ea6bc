/**
 * A part of an image as a tar archive, produced as it is read.
 *
 * @since 0.1.0
 */
import type { Stats } from "node:fs"
import { accessSync, constants } from "node:fs"
import type { Accounts } from "./Accounts.js"
import { inBox } from "./Accounts.js"
import * as FileBytes from "./FileBytes.js"
import type { Bytes } from "./HostBytes.js"
import { lstatExact, readlink, toBuffer, toText } from "./HostBytes.js"
import type { Node } from "./MergedTree.js"
import * as MergedTree from "./MergedTree.js"
import { unreadable } from "./PathError.js"
import * as Steps from "./Steps.js"
import type { Member } from "./TarHeader.js"
import * as TarHeader from "./TarHeader.js"

/** an archive of many small files leaves in pieces of this size, not in one for each */
const pieceBytes = 128 << 10

interface Found {
  readonly name: Bytes
  readonly node: Node
}

const inside = (folder: Found, name: Bytes): Bytes => folder.name === "" ? name : `${folder.name}/${name}`

/** Depth first, each folder before what is in it; one folder's entries at a time are in memory. */
async function* walk(found: Found): AsyncGenerator<Found, void, void> {
  yield found
  if (!found.node.stats.isDirectory()) return
  for (const [name, node] of await Steps.inTurns(MergedTree.children(found.node))) {
    yield* walk({ name: inside(found, name), node })
  }
}

/**
 * Throws a `PathError` about the first file or folder that could not be packed since the host keeps it from the engine.
 *
 * @since 0.1.0
 * @category checks
 */
export function* check(found: Found): Steps.Steps<void> {
  yield
  const { host, stats } = found.node
  try {
    if (stats.isDirectory()) accessSync(toBuffer(host), constants.R_OK | constants.X_OK)
    else if (stats.isFile() && stats.size > 0) accessSync(toBuffer(host), constants.R_OK)
  } catch (cause) {
    throw unreadable(`/${toText(found.name)}`)(cause)
  }
  if (!stats.isDirectory()) return
  for (const [name, node] of yield* MergedTree.children(found.node)) yield* check({ name: inside(found, name), node })
}

/** As the C library's `major` and `minor`, in arithmetic: a device number may not fit 32 bits. */
const device = (rdev: number): { readonly major: number; readonly minor: number } => {
  const high = Math.floor(rdev / 2 ** 32)
  const low = rdev % 2 ** 32
  return {
    major: Math.floor(low / 256) % 4096 + (high - high % 4096),
    minor: low % 256 + Math.floor(low / 2 ** 20) * 256
  }
}

const typeOf = (stats: Stats): Member["type"] | undefined => {
  if (stats.isFile()) return "0"
  if (stats.isSymbolicLink()) return "2"
  if (stats.isCharacterDevice()) return "3"
  if (stats.isBlockDevice()) return "4"
  if (stats.isDirectory()) return "5"
  // A socket is nothing without the process behind it: tar knows no member for it.
  return stats.isFIFO() ? "6" : undefined
}

/** Remembers the first name of each file that has several, so that the others become links to it. */
const firstNames = (): (found: Found) => Bytes | undefined => {
  const seen = new Map<string, Bytes>()
  return ({ name, node }) => {
    if (!node.stats.isFile() || node.stats.nlink < 2) return undefined
    const { dev, ino } = lstatExact(node.host)
    const first = seen.get(`${dev}:${ino}`)
    if (first === undefined) seen.set(`${dev}:${ino}`, name)
    return first
  }
}

const member = (found: Found, accounts: Accounts, first: Bytes | undefined): Member | undefined => {
  const { host, stats } = found.node
  const type = typeOf(stats)
  if (type === undefined) return undefined
  const { gid, uid } = inBox(stats)
  const number = type === "3" || type === "4" ? device(stats.rdev) : { major: 0, minor: 0 }
  return {
    name: type === "5" ? `${found.name}/` : found.name,
    link: first ?? (type === "2" ? readlink(host) : ""),
    type: first === undefined ? type : "1",
    mode: stats.mode,
    uid,
    gid,
    owner: String(accounts.owner(uid)),
    group: String(accounts.group(gid)),
    size: type === "0" && first === undefined ? stats.size : 0,
    mtime: Math.floor(stats.mtimeMs / 1000),
    ...number
  }
}

async function* members(found: Found, accounts: Accounts): AsyncGenerator<Uint8Array, void, void> {
  const firstName = firstNames()
  const rest = Steps.breaks()
  for await (const each of walk(found)) {
    // Links and empty files are read without waiting for anything.
    const pause = rest()
    if (pause !== undefined) await pause
    // The root of the image has no name that could stand in an archive.
    const header = each.name === "" ? undefined : member(each, accounts, firstName(each))
    if (header === undefined) continue
    yield TarHeader.encode(header)
    if (header.size > 0) {
      try {
        yield* FileBytes.pieces(each.node.host, header.size)
      } catch (cause) {
        throw unreadable(`/${toText(each.name)}`)(cause)
      }
      yield TarHeader.padding(header.size)
    }
  }
  yield TarHeader.end
}

/**
 * The archive of what lies at `found` and below. Runs anew for each iteration; throws where a layer cannot be read.
 *
 * @since 0.1.0
 * @category constructors
 */
export async function* pack(found: Found, accounts: Accounts): AsyncGenerator<Uint8Array, void, void> {
  let waiting: Array<Uint8Array> = []
  let size = 0
  for await (const piece of members(found, accounts)) {
    waiting.push(piece)
    size += piece.length
    if (size < pieceBytes) continue
    yield Buffer.concat(waiting)
    waiting = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(waiting)
}
