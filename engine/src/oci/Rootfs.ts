/**
 * A folder that becomes the root of an image. Every path of a layer is resolved in it as the kernel would after a
 * chroot: an absolute symbolic link begins at its root, and no number of `..` leads out. Nobody else may write to it in
 * the meantime.
 *
 * As an ordinary user the engine owns every entry (the box shows them as root's), and device files stay away.
 *
 * @since 0.1.0
 */
import * as fs from "node:fs"
import type { Bytes } from "../image/HostBytes.js"
import { lstat, readdir, readlink, toBuffer } from "../image/HostBytes.js"
import type * as Steps from "../image/Steps.js"
import { isRoot } from "../store/Privilege.js"
import * as Budget from "./Budget.js"
import { importError, quoted } from "./ImportError.js"

/**
 * What an entry has besides its content. `mtime` in seconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Attributes {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Rootfs {
  /** absolute, on the host */
  readonly root: Bytes
  /** what folders get at the end: until then they must take entries, and each entry changes their time */
  readonly folders: Map<Bytes, Attributes>
  /** the folder that was resolved last, since entries come folder by folder */
  last: { readonly path: Bytes; readonly host: Bytes } | undefined
  /** what the image may still have */
  readonly left: Budget.Budget
}

/**
 * Over a folder that is there and empty.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (root: Bytes, left: Budget.Budget = Budget.make()): Rootfs => ({
  root,
  folders: new Map(),
  last: undefined,
  left
})

const maxLinks = 40

/**
 * The steps of a path of a layer. One that leads out is an attack or a mistake, and no image needs it.
 *
 * @since 0.1.0
 * @category paths
 */
export const steps = (path: Bytes): ReadonlyArray<Bytes> => {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".")
  if (parts.includes("..")) {
    throw importError("BadContent", `a layer has an entry whose path leads upwards: ${quoted(path)}`)
  }
  if (path.includes("\0")) throw importError("BadContent", "a layer has an entry with a NUL in its path")
  // the mark of what is removed, where only a folder of the image may stand
  if (parts.some((part) => part.startsWith(".wh."))) {
    throw importError("BadContent", `a layer has an entry in a folder that it removes: ${quoted(path)}`)
  }
  return parts
}

const parentOf = (host: Bytes): Bytes => host.slice(0, host.lastIndexOf("/"))

/** What `descend` does where there is no folder to go down to: makes it, or gives up. */
type Missing = (self: Rootfs, next: Bytes, part: Bytes, isThere: boolean) => boolean

const makeFolder: Missing = (self, next, part, isThere) => {
  if (isThere) throw importError("BadContent", `a layer has an entry below ${quoted(part)}, which is no folder`)
  Budget.spend(self.left, { entries: 1, names: next.length })
  fs.mkdirSync(toBuffer(next), { mode: 0o755 })
  own(next, { uid: 0, gid: 0 })
  self.folders.set(next, { mode: 0o755, uid: 0, gid: 0, mtime: 0 })
  return true
}

/** Goes down from the root, through symbolic links. */
const descend = (self: Rootfs, path: ReadonlyArray<Bytes>, missing: Missing): Bytes | undefined => {
  const ahead = [...path].reverse()
  let at = self.root
  let links = 0
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part === "" || part === ".") continue
    if (part === "..") {
      if (at !== self.root) at = parentOf(at)
      continue
    }
    const next = `${at}/${part}`
    const stats = lstat(next)
    if (stats?.isSymbolicLink() === true) {
      links += 1
      if (links > maxLinks) throw importError("BadContent", `${quoted(part)} is a symbolic link without an end`)
      const target = readlink(next)
      if (target.startsWith("/")) at = self.root
      ahead.push(...target.split("/").reverse())
    } else {
      if (stats?.isDirectory() !== true && !missing(self, next, part, stats !== undefined)) return undefined
      at = next
    }
  }
  return at
}

const own = (host: Bytes, { gid, uid }: { readonly uid: number; readonly gid: number }): void => {
  if (isRoot()) fs.lchownSync(toBuffer(host), uid, gid)
}

/**
 * Where an entry lies on the host: its folder is resolved and made, its own name is taken as it is. Undefined for the
 * root itself.
 *
 * @since 0.1.0
 * @category paths
 */
export const locate = (self: Rootfs, path: Bytes): Bytes | undefined => {
  const parts = steps(path)
  const name = parts.at(-1)
  if (name === undefined) return undefined
  const folder = parts.slice(0, -1).join("/")
  if (self.last?.path !== folder) self.last = { path: folder, host: resolve(self, folder) }
  return `${self.last.host}/${name}`
}

/**
 * The folder itself, through symbolic links and made when it is missing.
 *
 * @since 0.1.0
 * @category paths
 */
export const resolve = (self: Rootfs, path: Bytes): Bytes => descend(self, steps(path), makeFolder) ?? self.root

/**
 * A folder that is there, through symbolic links; undefined where there is none.
 *
 * @since 0.1.0
 * @category paths
 */
export const find = (self: Rootfs, path: Bytes): Bytes | undefined => descend(self, steps(path), () => false)

/**
 * Removes what is there, with all below it.
 *
 * @since 0.1.0
 * @category writing
 */
export function* remove(self: Rootfs, host: Bytes): Steps.Steps<void> {
  const stats = lstat(host)
  if (stats === undefined) return
  // it may be on the way to what was resolved last, a link too
  if (stats.isDirectory() || stats.isSymbolicLink()) self.last = undefined
  if (!stats.isDirectory()) return fs.unlinkSync(toBuffer(host))
  for (const entry of readdir(host)) {
    yield
    yield* remove(self, `${host}/${entry.name}`)
  }
  self.folders.delete(host)
  fs.rmdirSync(toBuffer(host))
}

/**
 * Gives a file or folder its attributes. setuid and setgid go with a change of owner, so the mode comes after it.
 *
 * @since 0.1.0
 * @category writing
 */
export const finish = (host: Bytes, attributes: Attributes): void => {
  own(host, attributes)
  fs.chmodSync(toBuffer(host), attributes.mode & 0o7777)
  fs.lutimesSync(toBuffer(host), attributes.mtime, attributes.mtime)
}

/**
 * A folder where nothing is, or new attributes for one that is there.
 *
 * @since 0.1.0
 * @category writing
 */
export const folder = (self: Rootfs, host: Bytes, attributes: Attributes): void => {
  if (lstat(host) === undefined) fs.mkdirSync(toBuffer(host), { mode: 0o755 })
  own(host, attributes)
  self.folders.set(host, attributes)
}

/**
 * A regular file, open for its content. `close` gives it its attributes.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenFile {
  readonly write: (bytes: Uint8Array) => void
  readonly close: (attributes: Attributes) => void
  /** after a failure: it stays as it is */
  readonly abandon: () => void
}

/**
 * A new file, where nothing is.
 *
 * @since 0.1.0
 * @category writing
 */
export const file = (host: Bytes): OpenFile => {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = fs.constants
  const fd = fs.openSync(toBuffer(host), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  return {
    write: (bytes) => {
      for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at)
    },
    close: (attributes) => {
      fs.closeSync(fd)
      finish(host, attributes)
    },
    abandon: () => fs.closeSync(fd)
  }
}

/**
 * Where nothing is.
 *
 * @since 0.1.0
 * @category writing
 */
export const symlink = (self: Rootfs, host: Bytes, target: Bytes, attributes: Attributes): void => {
  self.last = undefined
  fs.symlinkSync(toBuffer(target), toBuffer(host))
  own(host, attributes)
  fs.lutimesSync(toBuffer(host), attributes.mtime, attributes.mtime)
}

/**
 * The file that a link is another name of: in this layer or one below.
 *
 * @since 0.1.0
 * @category paths
 */
export const linkTarget = (self: Rootfs, target: Bytes): Bytes => {
  const to = locate(self, target)
  const stats = to === undefined ? undefined : lstat(to)
  if (to === undefined || stats === undefined || stats.isDirectory()) {
    throw importError("BadContent", `a layer has a link to ${quoted(target)}, which is no file of the image`)
  }
  return to
}

/**
 * Another name of a file, where nothing is.
 *
 * @since 0.1.0
 * @category writing
 */
export const hardLink = (host: Bytes, to: Bytes): void => fs.linkSync(toBuffer(to), toBuffer(host))

/** The deepest first: an entry of a folder that nobody may enter could not be reached any more. */
const deepestFirst = (folders: Iterable<readonly [Bytes, Attributes]>): ReadonlyArray<readonly [Bytes, Attributes]> =>
  [...folders].sort(([a], [b]) => b.length - a.length)

/**
 * Gives all folders their attributes. Nothing may be written afterwards.
 *
 * @since 0.1.0
 * @category writing
 */
export function* seal(self: Rootfs): Steps.Steps<void> {
  for (const [host, attributes] of deepestFirst(self.folders)) {
    yield
    finish(host, attributes)
  }
}

/** What a run mounts over; a run that had to make them would change the image. */
const mountPoints: ReadonlyArray<readonly [path: string, mode: number]> = [
  ["proc", 0o555],
  ["dev", 0o755],
  ["sys", 0o555],
  ["tmp", 0o1777]
]
const mountFiles = ["etc/hosts", "etc/resolv.conf", "etc/hostname"]

/**
 * The folders and empty files that a run needs to be there, where an image has nothing of the name.
 *
 * @since 0.1.0
 * @category writing
 */
export const addMountPoints = (self: Rootfs): void => {
  for (const [path, mode] of mountPoints) {
    const host = locate(self, path)
    if (host !== undefined && lstat(host) === undefined) folder(self, host, { mode, uid: 0, gid: 0, mtime: 0 })
  }
  for (const path of mountFiles) {
    const host = locate(self, path)
    if (host !== undefined && lstat(host) === undefined) {
      file(host).close({ mode: 0o644, uid: 0, gid: 0, mtime: 0 })
    }
  }
}
