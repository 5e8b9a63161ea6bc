/**
 * A POSIX tar of a part of a tree: names from the root of the image, without a leading slash. What does not fit the old
 * header (a long or foreign name) has a PAX record.
 *
 * @since 0.1.0
 */
import { concat } from "../../internal/Bytes.js"
import type { Node, Tree } from "./Tree.js"
import { subtree } from "./Tree.js"

const block = 512
const utf8 = new TextEncoder()

const padding = (size: number): Uint8Array => new Uint8Array((block - size % block) % block)

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, "0")}\0`

const header = (name: Uint8Array, type: string, size: number, node: Node): Uint8Array => {
  const bytes = new Uint8Array(block)
  const put = (value: string | Uint8Array, at: number): void =>
    bytes.set(typeof value === "string" ? utf8.encode(value) : value, at)
  put(name.subarray(0, 100), 0)
  put(octal(node.mode, 8), 100)
  put(octal(node.uid % 0o10000000, 8), 108)
  put(octal(node.gid % 0o10000000, 8), 116)
  put(octal(size, 12), 124)
  put(octal(node.mtime, 12), 136)
  put("        ", 148)
  put(type, 156)
  put("ustar\x0000", 257)
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148)
  return bytes
}

/** `<length> key=value\n`, where the length counts itself */
const record = (key: string, value: string): Uint8Array => {
  const rest = utf8.encode(` ${key}=${value}\n`).length
  let length = rest + 1
  while (String(length).length + rest !== length) length++
  return utf8.encode(`${length} ${key}=${value}\n`)
}

const records = (name: string, node: Node): Uint8Array =>
  concat([
    ...(utf8.encode(name).length > 100 || /[^\x20-\x7e]/.test(name) ? [record("path", name)] : []),
    ...(node.uid >= 0o10000000 ? [record("uid", String(node.uid))] : []),
    ...(node.gid >= 0o10000000 ? [record("gid", String(node.gid))] : [])
  ])

const member = (path: string, node: Node): Uint8Array => {
  const name = path.slice(1) + (node._tag === "Folder" ? "/" : "")
  const content = node._tag === "File" ? node.bytes : new Uint8Array(0)
  const extra = records(name, node)
  return concat([
    ...(extra.length === 0 ? [] : [header(utf8.encode("pax"), "x", extra.length, node), extra, padding(extra.length)]),
    header(utf8.encode(name), node._tag === "Folder" ? "5" : "0", content.length, node),
    content,
    padding(content.length)
  ])
}

/**
 * One piece for each member, and the end.
 *
 * @internal
 */
export const archive = (tree: Tree, path: string): ReadonlyArray<Uint8Array> => [
  ...subtree(tree, path).filter(([at]) => at !== "/").map(([at, node]) => member(at, node)),
  new Uint8Array(2 * block)
]
