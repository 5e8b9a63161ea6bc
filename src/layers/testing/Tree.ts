/**
 * The file system of an image of the test double: immutable, so that images branch by sharing. Absolute paths to nodes;
 * every folder has a node of its own, the root too. There are no links.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import type * as Wire from "../../schemas/Wire.js"

interface Attributes {
  /** permission bits */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** seconds since 1970 */
  readonly mtime: number
}

/** @internal */
export interface Folder extends Attributes {
  readonly _tag: "Folder"
}

/** @internal */
export interface File extends Attributes {
  readonly _tag: "File"
  readonly bytes: Uint8Array
}

/** @internal */
export type Node = Folder | File

/** @internal */
export type Tree = ReadonlyMap<string, Node>

/**
 * One change: a file with its attributes, an empty folder (the path ends in a slash), or what is to go (`null`).
 *
 * @internal
 */
export interface Change {
  readonly path: string
  readonly content: string | Uint8Array | null
  readonly mode?: number | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}

const folder = (mtime: number): Folder => ({ _tag: "Folder", mode: 0o755, uid: 0, gid: 0, mtime })

/** @internal */
export const empty: Tree = new Map([["/", folder(0)]])

const utf8 = new TextEncoder()

/**
 * Bytes of our own: what a test does to its array later is nothing to an image.
 *
 * @internal
 */
export const toBytes = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? utf8.encode(content) : new Uint8Array(content)

const namesOf = (path: string): ReadonlyArray<string> => path.split("/").filter((name) => name !== "" && name !== ".")

/**
 * The one spelling of a path, `..` gone up by, never above the root.
 *
 * @internal
 */
export const normal = (path: string): string => {
  const names: Array<string> = []
  for (const name of namesOf(path)) {
    if (name === "..") names.pop()
    else names.push(name)
  }
  return `/${names.join("/")}`
}

/** @internal */
export const below = (path: string): string => path === "/" ? "/" : `${path}/`

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/"

const refusal = (path: string): string | undefined =>
  !path.startsWith("/")
    ? "is no absolute path"
    : path.includes("\0")
    ? "has a NUL character"
    : namesOf(path).includes("..")
    ? "cannot go up with \"..\""
    : undefined

/** What is missing above a path is made; a file in the way is told. */
const makeFolders = (tree: Map<string, Node>, path: string, mtime: number): string | undefined => {
  const found = tree.get(path)
  if (found !== undefined) return found._tag === "Folder" ? undefined : `${path} is a file`
  const problem = makeFolders(tree, parentOf(path), mtime)
  if (problem === undefined) tree.set(path, folder(mtime))
  return problem
}

const apply = (tree: Map<string, Node>, change: Change, mtime: number): string | undefined => {
  const problem = refusal(change.path)
  if (problem !== undefined) return problem
  const path = normal(change.path)
  if (change.content === null) {
    if (path === "/") return "is the root, which stays"
    for (const other of [...tree.keys()]) if (other === path || other.startsWith(`${path}/`)) tree.delete(other)
    return undefined
  }
  if (change.path.endsWith("/")) {
    return change.content.length === 0
      ? makeFolders(tree, path, mtime)
      : "ends in a slash, hence names a folder, and has content"
  }
  if (tree.get(path)?._tag === "Folder") return "is a folder"
  const above = makeFolders(tree, parentOf(path), mtime)
  if (above !== undefined) return above
  tree.set(path, {
    _tag: "File",
    bytes: toBytes(change.content),
    mode: change.mode ?? 0o644,
    uid: change.uid ?? 0,
    gid: change.gid ?? 0,
    mtime
  })
  return undefined
}

/**
 * The tree with these changes, in their order; on the left why one of them cannot be, with its path.
 *
 * @internal
 */
export const change = (tree: Tree, changes: ReadonlyArray<Change>, mtime: number): Either.Either<Tree, string> => {
  const draft = new Map(tree)
  for (const one of changes) {
    const problem = apply(draft, one, mtime)
    if (problem !== undefined) return Either.left(`${JSON.stringify(one.path)} ${problem}`)
  }
  return Either.right(draft)
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a === b || (a.length === b.length && a.every((byte, i) => byte === b[i]))

const sameNode = (a: Node, b: Node | undefined): boolean =>
  b !== undefined && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid &&
  (a._tag === "Folder" ? b._tag === "Folder" : b._tag === "File" && sameBytes(a.bytes, b.bytes))

/**
 * The same but for times, which do not make another image.
 *
 * @internal
 */
export const isSame = (a: Tree, b: Tree): boolean =>
  a === b || (a.size === b.size && [...a].every(([path, node]) => sameNode(node, b.get(path))))

/** @internal */
export const files = (tree: Tree): ReadonlyMap<string, Uint8Array> =>
  new Map([...tree].flatMap(([path, node]) => node._tag === "File" ? [[path, node.bytes] as const] : []))

/** by the order of UTF-16 units, which for all but exotic names is that of the bytes */
const byName = (a: string, b: string): number => a < b ? -1 : 1

/**
 * A node and all that is below it, a folder before what it holds.
 *
 * @internal
 */
export const subtree = (tree: Tree, path: string): ReadonlyArray<readonly [path: string, node: Node]> =>
  [...tree].filter(([other]) => other === path || other.startsWith(below(path))).sort(([a], [b]) => byName(a, b))

const ownerOf = (id: number): string | number => id === 0 ? "root" : id

const toItem = (name: string, node: Node): Wire.FileItem => ({
  size: node._tag === "File" ? node.bytes.length : 4096,
  path: name,
  owner: ownerOf(node.uid),
  group: ownerOf(node.gid),
  uid: node.uid,
  gid: node.gid,
  mode: node.mode | (node._tag === "File" ? 0o100000 : 0o040000),
  mtime: node.mtime,
  nlink: node._tag === "File" ? 1 : 2,
  is_dir: node._tag === "Folder",
  is_regular: node._tag === "File",
  is_symlink: false,
  is_socket: false,
  is_fifo: false,
  symlink_to: ""
})

/**
 * What is in a folder, by name.
 *
 * @internal
 */
export const list = (tree: Tree, path: string): ReadonlyArray<Wire.FileItem> =>
  [...tree]
    .filter(([other]) => other !== "/" && parentOf(other) === path)
    .map(([other, node]) => toItem(other.slice(other.lastIndexOf("/") + 1), node))
    .sort((a, b) => byName(a.path, b.path))
