/**
 * An image's file system, read straight from its layers: no mount, no privilege.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { FileItem } from "effect-contree/Wire"
import * as Stream from "effect/Stream"
import type { Stats } from "node:fs"
import { isRoot } from "../store/Privilege.js"
import * as Accounts from "./Accounts.js"
import * as Archive from "./Archive.js"
import * as FileBytes from "./FileBytes.js"
import type { Bytes } from "./HostBytes.js"
import { fromText, readlink, toText } from "./HostBytes.js"
import * as Layer from "./Layer.js"
import * as MergedTree from "./MergedTree.js"
import { PathError, unreadable } from "./PathError.js"
import * as Steps from "./Steps.js"

/**
 * What lies at a path of an image.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry extends FileItem {
  /** the last name of the path, `/` for the root; as in a listing */
  readonly path: string
  /** where it really lies in the image once links are followed: absolute */
  readonly realPath: string
  readonly kind: "file" | "directory" | "symlink" | "fifo" | "socket" | "character" | "block"
}

/**
 * The bytes of a file.
 *
 * @since 0.1.0
 * @category models
 */
export interface Content {
  readonly size: number
  /** each piece is there until the next one is asked for */
  readonly stream: Stream.Stream<Uint8Array, PathError>
  /** all at once, of small files */
  readonly whole: Effect.Effect<Uint8Array, PathError>
}

/**
 * A path is absolute text, or bytes where a name is not UTF-8. It is resolved inside the image alone: `..` stops at its
 * root, and an absolute link starts from there. A name that is not UTF-8 shows with U+FFFD in the place of what cannot
 * be read, and can be asked for in that form as long as only one entry of its folder looks like it.
 *
 * @since 0.1.0
 * @category models
 */
export interface ImageTree {
  /** Follows a link at the end too, unless told otherwise. */
  readonly stat: (
    path: string | Uint8Array,
    options?: { readonly follow?: boolean | undefined }
  ) => Effect.Effect<Entry, PathError>
  /** The entries of a folder in the order of their bytes, links not followed. */
  readonly list: (path: string | Uint8Array) => Effect.Effect<ReadonlyArray<FileItem>, PathError>
  /** Of regular files only. */
  readonly read: (path: string | Uint8Array) => Effect.Effect<Content, PathError>
  /** A PAX tar of what lies at the path and below: names from the root of the image, without a leading slash. */
  readonly archive: (path: string | Uint8Array) => Effect.Effect<Stream.Stream<Uint8Array, PathError>, PathError>
}

const kindOf = (stats: Stats): Entry["kind"] =>
  stats.isFile()
    ? "file"
    : stats.isDirectory()
    ? "directory"
    : stats.isSymbolicLink()
    ? "symlink"
    : stats.isFIFO()
    ? "fifo"
    : stats.isSocket()
    ? "socket"
    : stats.isCharacterDevice()
    ? "character"
    : "block"

const toItem = (name: Bytes, node: MergedTree.Node, accounts: Accounts.Accounts): FileItem => {
  const { host, stats } = node
  const { gid, uid } = Accounts.inBox(stats)
  return {
    size: stats.size,
    path: toText(name),
    owner: accounts.owner(uid),
    group: accounts.group(gid),
    uid,
    gid,
    mode: stats.mode,
    mtime: Math.floor(stats.mtimeMs / 1000),
    nlink: stats.nlink,
    is_dir: stats.isDirectory(),
    is_regular: stats.isFile(),
    is_symlink: stats.isSymbolicLink(),
    is_socket: stats.isSocket(),
    is_fifo: stats.isFIFO(),
    symlink_to: stats.isSymbolicLink() ? toText(readlink(host)) : ""
  }
}

const lastName = (path: Bytes): Bytes => path === "" ? "/" : path.slice(path.lastIndexOf("/") + 1)

/** Names are as asked, so that who asks for `/app` finds `app/...`, link or not; `..` has no place in an archive. */
const archiveName = (asked: Bytes, found: MergedTree.Located): Bytes => {
  const names = asked.split("/").filter((name) => name !== "" && name !== ".")
  // U+FFFD may stand for another byte.
  return names.includes("..") || toText(asked).includes("\uFFFD") ? found.path : names.join("/")
}

/**
 * The tree of an image, from its layers as `ImageStore.layers` names them: relative to the store, bottom first.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (store: { readonly path: string }, layers: ReadonlyArray<string>): ImageTree => {
  const root = lazily(() => MergedTree.root(layers.map((layer) => Layer.load(store.path, layer))))
  const accounts = lazily(() => Accounts.make(root()))

  const at = <A>(
    path: string | Uint8Array,
    follow: boolean,
    use: (found: MergedTree.Located, asked: Bytes) => Steps.Steps<A>
  ): Effect.Effect<A, PathError> => {
    const asked = typeof path === "string" ? fromText(path) : Buffer.from(path).toString("latin1")
    function* steps(): Steps.Steps<A> {
      return yield* use(yield* MergedTree.resolve(root(), asked, follow), asked)
    }
    return Effect.tryPromise({ try: (signal) => Steps.inTurns(steps(), signal), catch: unreadable(toText(asked)) })
  }

  return {
    stat: (path, options) =>
      at(path, options?.follow ?? true, function*({ node, path }) {
        return {
          ...toItem(lastName(path), node, accounts()),
          realPath: `/${toText(path)}`,
          kind: kindOf(node.stats)
        }
      }),

    list: (path) =>
      at(path, true, function*({ node }, asked) {
        if (!node.stats.isDirectory()) throw new PathError({ reason: "NotADirectory", path: toText(asked) })
        const items: Array<FileItem> = []
        for (const [name, child] of yield* MergedTree.children(node)) {
          yield
          items.push(toItem(name, child, accounts()))
        }
        return items
      }),

    read: (path) =>
      at(path, true, function*({ node: { host, stats } }, asked) {
        if (!stats.isFile()) {
          throw new PathError({ reason: stats.isDirectory() ? "IsADirectory" : "NotRegular", path: toText(asked) })
        }
        return {
          size: stats.size,
          stream: streamOf(toText(asked), () => FileBytes.pieces(host, stats.size)),
          whole: Effect.tryPromise({
            try: () => FileBytes.whole(host, stats.size),
            catch: unreadable(toText(asked))
          })
        }
      }),

    archive: (path) =>
      at(path, true, function*(found, asked) {
        const start = { name: archiveName(asked, found), node: found.node }
        // Once the first bytes are sent, nobody can be told any more.
        if (!isRoot()) yield* Archive.check(start)
        return streamOf(toText(asked), () => Archive.pack(start, accounts()))
      })
  }
}

const lazily = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

const streamOf = (
  path: string,
  make: () => AsyncGenerator<Uint8Array, void, void>
): Stream.Stream<Uint8Array, PathError> => Stream.suspend(() => Stream.fromAsyncIterable(make(), unreadable(path)))
