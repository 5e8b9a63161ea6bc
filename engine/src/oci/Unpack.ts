/**
 * One layer's tar over what the layers below it made. Layers are merged as they come, so that an imported image is one
 * folder: whiteouts remove, and leave no mark.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { Transform } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { Extract, Header as TarHeader } from "tar-stream"
import { extract } from "tar-stream"
import type { Bytes } from "../image/HostBytes.js"
import { fromText, lstat, readdir, toText } from "../image/HostBytes.js"
import * as HostCommand from "../store/HostCommand.js"
import { isRoot } from "../store/Privilege.js"
import { decompress } from "./Compression.js"
import { importError } from "./ImportError.js"
import type { Attributes, Rootfs } from "./Rootfs.js"
import * as Root from "./Rootfs.js"

/**
 * What all layers of an image may have together.
 *
 * @since 0.1.0
 * @category models
 */
export interface Budget {
  /** of the tars, decompressed */
  bytes: number
  entries: number
}

/**
 * What an image is allowed: more than any real one, and an end to a bomb.
 *
 * @since 0.1.0
 * @category limits
 */
export const budget = (): Budget => ({ bytes: 64 * 1024 ** 3, entries: 5_000_000 })

/** What the type of a header says too little of: old headers have holes, and the records of extended ones are text. */
type Header = Partial<Omit<TarHeader, "pax" | "linkname">> & Pick<TarHeader, "name"> & {
  readonly linkname?: string | null
  readonly pax?: Readonly<Record<string, string>> | null
}

type Entry = Extract extends AsyncIterable<infer A> ? A : never

/** Names are bytes: the type does not know the option. */
const options: NonNullable<Parameters<typeof extract>[0]> & { readonly filenameEncoding: string } = {
  filenameEncoding: "latin1"
}

/** A name of the extended header is text; one of the header itself was read as bytes. */
const nameOf = (header: Header, own: string, key: "path" | "linkpath"): Bytes =>
  header.pax?.[key] === undefined ? own : fromText(own)

const whole = (text: string | undefined, otherwise: number | undefined): number => {
  const value = text === undefined ? otherwise ?? 0 : Number(text)
  return Number.isSafeInteger(value) && value >= 0 ? value : 0
}

/** the largest id that the kernel takes: one more is its word for "no change" */
const maxId = 0xffff_fffe

const attributesOf = ({ gid, mode, mtime, pax, uid }: Header): Attributes => {
  const seconds = pax?.["mtime"] === undefined ? (mtime?.getTime() ?? 0) / 1000 : Number(pax["mtime"])
  return {
    mode: (mode ?? 0o644) & 0o7777,
    uid: Math.min(whole(pax?.["uid"], uid), maxId),
    gid: Math.min(whole(pax?.["gid"], gid), maxId),
    mtime: Number.isFinite(seconds) && Math.abs(seconds) < 2 ** 40 ? seconds : 0
  }
}

const opaqueMark = ".wh..wh..opq"
const whiteoutPrefix = ".wh."

const tooLarge = (): Error =>
  importError("TooLarge", "the image unpacks to more than 64 GiB or 5 million entries, which is no image but a bomb")

/** Its own entries stay: a whiteout speaks of the layers below. */
const removeBelow = (self: Rootfs, host: Bytes, made: ReadonlySet<Bytes>): void => {
  const stats = lstat(host)
  if (stats === undefined) return
  if (!made.has(host)) return Root.remove(self, host)
  if (stats.isDirectory()) { for (const entry of readdir(host)) removeBelow(self, `${host}/${entry.name}`, made) }
}

interface Layer {
  readonly rootfs: Rootfs
  /** what this layer wrote, and the folders on the way there */
  readonly made: Set<Bytes>
  readonly signal: AbortSignal
}

const whiteout = ({ made, rootfs }: Layer, path: Bytes, name: Bytes): void => {
  // what this layer made no folder of any more hides nothing: some write down all that went with it
  const folder = Root.find(rootfs, path.slice(0, path.length - name.length))
  if (folder === undefined) return
  if (name === opaqueMark) {
    for (const entry of readdir(folder)) removeBelow(rootfs, `${folder}/${entry.name}`, made)
    return
  }
  // `.wh..wh.` is what AUFS kept for itself
  const hidden = name.slice(whiteoutPrefix.length)
  if (hidden === "" || hidden === "." || hidden === ".." || hidden.startsWith(whiteoutPrefix)) return
  removeBelow(rootfs, `${folder}/${hidden}`, made)
}

const mark = ({ made, rootfs }: Layer, host: Bytes): void => {
  for (let at = host; at.length > rootfs.root.length && !made.has(at); at = at.slice(0, at.lastIndexOf("/"))) {
    made.add(at)
  }
}

const content = async (layer: Layer, entry: Entry, host: Bytes, attributes: Attributes): Promise<void> => {
  const file = Root.file(layer.rootfs, host)
  try {
    for await (const piece of entry as AsyncIterable<Buffer>) file.write(piece)
  } catch (cause) {
    file.abandon()
    throw cause
  }
  file.close(attributes)
}

const kinds = { fifo: "p", "character-device": "c", "block-device": "b" } as const

/**
 * Only a tool makes devices and pipes. At once, while nothing else has been written: a folder on the way may become a
 * link to anywhere later on. An ordinary user may make no devices, nor may root where it is root of a namespace alone:
 * they stay away, and in a box none could be used. So does 0:0, which is overlayfs' own mark.
 */
const node = async ({ rootfs, signal }: Layer, header: Header, host: Bytes, attributes: Attributes): Promise<void> => {
  Root.remove(rootfs, host)
  const isPipe = header.type === "fifo"
  const [major, minor] = [whole(undefined, header.devmajor), whole(undefined, header.devminor)]
  if (!isPipe && (!isRoot() || (major === 0 && minor === 0))) return
  if (fromText(toText(host)) !== host) {
    throw importError("Unsupported", "a layer has a device or pipe whose name is not UTF-8")
  }
  const numbers = isPipe ? [] : [String(major), String(minor)]
  const kind = kinds[header.type as keyof typeof kinds]
  const made = await Effect.runPromise(
    Effect.either(HostCommand.run(["mknod", "--", toText(host), kind, ...numbers], { cwd: "/" })),
    { signal }
  )
  if (Either.isLeft(made)) throw made.left
  if (made.right.code === 0) return Root.finish(host, attributes)
  if (isPipe || !/not permitted/.test(made.right.stderr)) {
    throw importError("BadContent", "a layer has a device or pipe that cannot be made")
  }
}

const write = async (layer: Layer, entry: Entry): Promise<void> => {
  const header = entry.header as Header
  // a size that the parser could not read would be waited for without end
  if (!Number.isSafeInteger(header.size)) {
    throw importError("BadContent", "a layer has an entry without a readable size")
  }
  const path = nameOf(header, header.name, "path").replace(/\/+$/, "")
  const name = path.slice(path.lastIndexOf("/") + 1)
  if (name.startsWith(whiteoutPrefix)) return whiteout(layer, path, name)
  const { rootfs } = layer
  const host = Root.locate(rootfs, path)
  const attributes = attributesOf(header)
  const target = nameOf(header, header.linkname ?? "", "linkpath")
  if (host !== undefined) mark(layer, host)
  if (header.type === "directory") return Root.folder(rootfs, host, attributes)
  if (host === undefined) throw importError("BadContent", "a layer has an entry that makes the root no folder")
  switch (header.type) {
    case "file":
    case "contiguous-file":
      return content(layer, entry, host, attributes)
    case "symlink":
      return Root.symlink(rootfs, host, target, attributes)
    case "link":
      return Root.hardLink(rootfs, path, target)
    case "character-device":
    case "block-device":
    case "fifo":
      return node(layer, header, host, attributes)
    default:
      throw importError(
        "Unsupported",
        `a layer has ${JSON.stringify(path)}, an entry of a kind that images do not have`
      )
  }
}

const meter = (left: Budget, hash: ReturnType<typeof createHash>): Transform =>
  new Transform({
    transform: (piece: Buffer, _, done) => {
      left.bytes -= piece.length
      if (left.bytes < 0) return done(tooLarge())
      hash.update(piece)
      done(null, piece)
    }
  })

const isOurs = (cause: unknown): boolean => cause instanceof Error && ("_tag" in cause || "syscall" in cause)

/** What the tools say of bytes that are no gzip, zstd or tar, in our words. */
const asBadContent = (cause: unknown): unknown =>
  cause instanceof Error && !isOurs(cause) && cause.name !== "AbortError"
    ? importError("BadContent", `a layer cannot be read: ${cause.message}`)
    : cause

/**
 * Unpacks a blob, and gives the digest of its tar. Throws `ImportError`, or what the file system throws. Between entries
 * others get their turn.
 *
 * @since 0.1.0
 * @category unpacking
 */
export const layer = async (
  rootfs: Rootfs,
  blob: string,
  left: Budget,
  signal: AbortSignal
): Promise<{ readonly diffId: string }> => {
  const at: Layer = { rootfs, made: new Set(), signal }
  const hash = createHash("sha256")
  const tar = extract(options)
  const consume = async (): Promise<void> => {
    for await (const entry of tar) {
      left.entries -= 1
      if (left.entries < 0) throw tooLarge()
      await write(at, entry)
      entry.resume()
    }
  }
  // before the stream: one that nobody listens to yet would end the program with its error
  const decoder = await decompress(blob)
  const source = createReadStream(blob, { highWaterMark: 256 * 1024 })
  // one that fails ends the other: both must be over before anybody may touch the folder
  const [read, written] = await Promise.allSettled([
    pipeline(source, decoder, meter(left, hash), tar, { signal }),
    consume()
  ])
  const failures = [read, written].flatMap((end) => end.status === "rejected" ? [end.reason as unknown] : [])
  if (failures.length > 0) throw asBadContent(failures.find(isOurs) ?? failures[0])
  return { diffId: `sha256:${hash.digest("hex")}` }
}
