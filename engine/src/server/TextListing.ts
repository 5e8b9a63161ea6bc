/**
 * A folder as text, one line an entry, as `ls -l` shows it. Times are UTC. Protocol: section 2.5.
 *
 * @since 0.1.0
 */
import type { FileItem } from "effect-contree/Wire"

const types: ReadonlyMap<number, string> = new Map([
  [0o140000, "s"],
  [0o120000, "l"],
  [0o100000, "-"],
  [0o060000, "b"],
  [0o040000, "d"],
  [0o020000, "c"],
  [0o010000, "p"]
])

/** One of three: `bit` is the permission to execute, `special` what stands in its place. */
const triple = (mode: number, shift: number, special: boolean, letter: string): string => {
  const bits = mode >> shift
  const execute = (bits & 1) !== 0
  const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? "x" : "-"
  return `${(bits & 4) !== 0 ? "r" : "-"}${(bits & 2) !== 0 ? "w" : "-"}${last}`
}

/**
 * A mode with its type as ten letters.
 *
 * @since 0.1.0
 * @category conversions
 */
export const modeText = (mode: number): string =>
  (types.get(mode & 0o170000) ?? "?") +
  triple(mode, 6, (mode & 0o4000) !== 0, "s") +
  triple(mode, 3, (mode & 0o2000) !== 0, "s") +
  triple(mode, 0, (mode & 0o1000) !== 0, "t")

// a name may have a line feed: a line must stay one entry
const shown = (name: string): string => name.replace(/[\u0000-\u001f\u007f]/g, "?")

const time = (seconds: number): string => new Date(seconds * 1000).toISOString().replace("T", " ").slice(0, 16)

const widest = (cells: ReadonlyArray<string>): number => cells.reduce((width, cell) => Math.max(width, cell.length), 0)

/**
 * The whole text, with a line feed after each line; nothing for an empty folder.
 *
 * @since 0.1.0
 * @category conversions
 */
export const render = (items: ReadonlyArray<FileItem>): string => {
  const rows = items.map((item) => ({
    mode: modeText(item.mode),
    nlink: String(item.nlink),
    owner: shown(String(item.owner)),
    group: shown(String(item.group)),
    size: String(item.size),
    rest: `${time(item.mtime)} ${shown(item.path)}${item.is_symlink ? ` -> ${shown(item.symlink_to)}` : ""}`
  }))
  const nlink = widest(rows.map((row) => row.nlink))
  const owner = widest(rows.map((row) => row.owner))
  const group = widest(rows.map((row) => row.group))
  const size = widest(rows.map((row) => row.size))
  return rows.map((row) =>
    `${row.mode} ${row.nlink.padStart(nlink)} ${row.owner.padEnd(owner)} ${row.group.padEnd(group)} ` +
    `${row.size.padStart(size)} ${row.rest}\n`
  ).join("")
}
