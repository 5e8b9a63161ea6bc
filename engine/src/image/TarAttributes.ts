/**
 * Extended attributes, by way of GNU tar: Node has no call for them, and every distribution has tar.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HostCommand from "../store/HostCommand.js"
import { asBoxRoot } from "../store/Privilege.js"
import type { StoreError } from "../store/StoreError.js"
import type { Bytes } from "./HostBytes.js"
import { toBuffer } from "./HostBytes.js"

/**
 * Each attribute of one file, by name.
 *
 * @since 0.1.0
 * @category models
 */
export type Attributes = ReadonlyMap<Bytes, Bytes>

const prefix = "SCHILY.xattr."

/** `<length> key=value\n`, again and again; a value may hold anything */
const parseRecords = (records: Bytes): Attributes => {
  const found = new Map<Bytes, Bytes>()
  for (let at = 0; at < records.length;) {
    const length = Number.parseInt(records.slice(at, records.indexOf(" ", at)), 10)
    if (!(length > 0)) break
    const record = records.slice(records.indexOf(" ", at) + 1, at + length - 1)
    const equals = record.indexOf("=")
    if (record.startsWith(prefix)) found.set(record.slice(prefix.length, equals), record.slice(equals + 1))
    at += length
  }
  return found
}

const blockBytes = 512
const up = (size: number): number => Math.ceil(size / blockBytes) * blockBytes

/**
 * Takes an archive in pieces of any size, and keeps the attributes of each member alone. Names are not looked at: the
 * members come in the order in which they were asked for.
 */
const reader = (): { readonly push: (bytes: Buffer) => void; readonly members: Array<Attributes> } => {
  const members: Array<Attributes> = []
  let rest: Buffer = Buffer.alloc(0)
  let skip = 0
  let attributes: Attributes = new Map()

  const take = (): boolean => {
    const size = Number.parseInt(rest.toString("latin1", 124, 136), 8) || 0
    const type = String.fromCharCode(rest[156] ?? 0)
    if (type === "x") {
      if (rest.length < blockBytes + up(size)) return false
      attributes = parseRecords(rest.toString("latin1", blockBytes, blockBytes + size))
      rest = rest.subarray(blockBytes + up(size))
      return true
    }
    // An empty block: the end, or what follows it.
    if (rest[0] !== 0) {
      members.push(attributes)
      attributes = new Map()
      skip = up(size)
    }
    rest = rest.subarray(blockBytes)
    return true
  }

  const push = (bytes: Buffer): void => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
    do {
      const skipped = Math.min(skip, rest.length)
      skip -= skipped
      rest = rest.subarray(skipped)
    } while (rest.length >= blockBytes && take())
  }
  return { push, members }
}

/**
 * The attributes of files and folders below `folder`, in the order of `names` (relative to it). An ordinary user's are
 * read as the root of a box: those that only the real root sees are not there.
 *
 * @since 0.1.0
 * @category reading
 */
export const read = (
  folder: string,
  names: ReadonlyArray<Bytes>
): Effect.Effect<ReadonlyArray<Attributes>, StoreError> => {
  if (names.length === 0) return Effect.succeed([])
  return Effect.suspend(() => {
    const { members, push } = reader()
    // With `./` before it no name can look like an option; hard links must not be told apart from files.
    const list = toBuffer(names.map((name) => `./${name}\0`).join(""))
    return HostCommand.succeed(
      asBoxRoot(
        "tar",
        "--create",
        "--format=pax",
        "--no-recursion",
        "--hard-dereference",
        "--sparse",
        "--xattrs",
        "--xattrs-include=*",
        "--null",
        "--files-from=-",
        "--file=-"
      ),
      { cwd: folder, input: list, onOutput: push }
    ).pipe(Effect.as(members))
  })
}
