/**
 * One layer's tar over what the layers below it made. Layers are merged as they come, so that an imported image is one
 * folder: whiteouts remove, and leave no mark.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { createHash } from "node:crypto"
import { Transform } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { Extract, Header as TarHeader } from "tar-stream"
import { extract } from "tar-stream"
import type { Bytes } from "../image/HostBytes.js"
import { fromText, lstat, readdir, toText } from "../image/HostBytes.js"
import * as Steps from "../image/Steps.js"
import * as HostCommand from "../store/HostCommand.js"
import { isRoot } from "../store/Privilege.js"
import * as Budget from "./Budget.js"
import { tarOf } from "./Compression.js"
import { importError, quoted, shown } from "./ImportError.js"
import type { Attributes, Rootfs } from "./Rootfs.js"
import * as Root from "./Rootfs.js"

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
const nameOf = (header: Header, own: string, key: "path" | "linkpath"): Bytes => {
  const text = header.pax?.[key]
  if (text === undefined) return own
  // the parser has put this in the place of what is no UTF-8: the name is lost, and another must not stand for it
  if (text.includes("\ufffd")) throw importError("Unsupported", `a layer has a name that is not UTF-8: ${shown(text)}`)
  return fromText(own)
}

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

/** Its own entries stay: a whiteout speaks of the layers below. */
function* removeBelow(self: Rootfs, host: Bytes, made: ReadonlySet<Bytes>): Steps.Steps<void> {
  const stats = lstat(host)
  if (stats === undefined) return
  if (!made.has(host)) return yield* Root.remove(self, host)
  if (stats.isDirectory()) yield* removeAllBelow(self, host, made)
}

function* removeAllBelow(self: Rootfs, folder: Bytes, made: ReadonlySet<Bytes>): Steps.Steps<void> {
  for (const entry of readdir(folder)) {
    yield
    yield* removeBelow(self, `${folder}/${entry.name}`, made)
  }
}

interface Layer {
  readonly rootfs: Rootfs
  /** what this layer wrote, and the folders on the way there */
  readonly made: Set<Bytes>
  readonly signal: AbortSignal
}

function* whiteout({ made, rootfs }: Layer, path: Bytes, name: Bytes): Steps.Steps<void> {
  // what this layer made no folder of any more hides nothing: some write down all that went with it
  const folder = Root.find(rootfs, path.slice(0, path.length - name.length))
  if (folder === undefined) return
  if (name === opaqueMark) return yield* removeAllBelow(rootfs, folder, made)
  // `.wh..wh.` is what AUFS kept for itself
  const hidden = name.slice(whiteoutPrefix.length)
  if (hidden === "" || hidden === "." || hidden === ".." || hidden.startsWith(whiteoutPrefix)) return
  yield* removeBelow(rootfs, `${folder}/${hidden}`, made)
}

const mark = ({ made, rootfs }: Layer, host: Bytes): void => {
  for (let at = host; at.length > rootfs.root.length && !made.has(at); at = at.slice(0, at.lastIndexOf("/"))) {
    made.add(at)
  }
}

const content = async (entry: Entry, host: Bytes, attributes: Attributes): Promise<void> => {
  const file = Root.file(host)
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
const node = async ({ signal }: Layer, header: Header, host: Bytes, attributes: Attributes): Promise<void> => {
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

/** What the header is silent about would be taken for an ordinary file. */
const checkForm = (header: Header): void => {
  // a size that the parser could not read would be waited for without end
  if (!Number.isSafeInteger(header.size)) {
    throw importError("BadContent", "a layer has an entry without a readable size")
  }
  if (Object.keys(header.pax ?? {}).some((key) => key.startsWith("GNU.sparse."))) {
    throw importError("Unsupported", `a layer has a sparse file, ${shown(header.name)}: make the image without them`)
  }
}

const isBelow = (host: Bytes, folder: Bytes): boolean => host.startsWith(`${folder}/`)

/** Another name of a file; whatever had the name goes first. */
const hardLink = async ({ rootfs, signal }: Layer, host: Bytes, target: Bytes): Promise<void> => {
  const to = Root.linkTarget(rootfs, target)
  if (to === host) return
  if (isBelow(to, host)) {
    throw importError("BadContent", `a layer has a link to ${quoted(target)} in the place of a folder around it`)
  }
  await Steps.inTurns(Root.remove(rootfs, host), signal)
  Root.hardLink(host, to)
}

const write = async (layer: Layer, entry: Entry): Promise<void> => {
  const header = entry.header as Header
  checkForm(header)
  const path = nameOf(header, header.name, "path").replace(/\/+$/, "")
  const target = nameOf(header, header.linkname ?? "", "linkpath")
  const { rootfs, signal } = layer
  Budget.spend(rootfs.left, { entries: 1, names: path.length + target.length })
  const name = path.slice(path.lastIndexOf("/") + 1)
  if (name.startsWith(whiteoutPrefix)) return Steps.inTurns(whiteout(layer, path, name), signal)
  const host = Root.locate(rootfs, path)
  if (host !== undefined) mark(layer, host)
  const attributes = attributesOf(header)
  const isFolder = header.type === "directory"
  if (host === undefined) {
    if (!isFolder) throw importError("BadContent", "a layer has an entry that makes the root no folder")
    return Root.folder(rootfs, rootfs.root, attributes)
  }
  if (header.type === "link") return hardLink(layer, host, target)
  if (!isFolder || lstat(host)?.isDirectory() !== true) await Steps.inTurns(Root.remove(rootfs, host), signal)
  switch (header.type) {
    case "directory":
      return Root.folder(rootfs, host, attributes)
    case "file":
    case "contiguous-file":
      return content(entry, host, attributes)
    case "symlink":
      return Root.symlink(rootfs, host, target, attributes)
    case "character-device":
    case "block-device":
    case "fifo":
      return node(layer, header, host, attributes)
    default:
      throw importError("Unsupported", `a layer has ${quoted(path)}, an entry of a kind that images do not have`)
  }
}

const meter = (left: Budget.Budget, hash: ReturnType<typeof createHash>): Transform =>
  new Transform({
    transform: (piece: Buffer, _, done) => {
      try {
        Budget.spend(left, { bytes: piece.length })
      } catch (cause) {
        return done(cause as Error)
      }
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
  signal: AbortSignal
): Promise<{ readonly diffId: string }> => {
  const at: Layer = { rootfs, made: new Set(), signal }
  const hash = createHash("sha256")
  const tar = extract(options)
  const consume = async (): Promise<void> => {
    for await (const entry of tar) {
      await write(at, entry)
      entry.resume()
    }
  }
  // before the stream: one that nobody listens to yet would end the program with its error
  const source = await tarOf(blob)
  // one that fails ends the other: both must be over before anybody may touch the folder
  const [read, written] = await Promise.allSettled([
    pipeline([...source, meter(rootfs.left, hash), tar], { signal }),
    consume()
  ])
  const failures = [read, written].flatMap((end) => end.status === "rejected" ? [end.reason as unknown] : [])
  if (failures.length > 0) throw asBadContent(failures.find(isOurs) ?? failures[0])
  return { diffId: `sha256:${hash.digest("hex")}` }
}
