/**
 * What a run left in the upper folder of its overlay, compared with what is below.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { closeSync, constants, openSync } from "node:fs"
import type { Dirent, Stats } from "node:fs"
import type { StoreError } from "../store/StoreError.js"
import { fromCause } from "../store/StoreError.js"
import * as FileBytes from "./FileBytes.js"
import type { Bytes } from "./HostBytes.js"
import { fromText, isDenied, isTooDeep, lstat, readdir, readlink, toBuffer } from "./HostBytes.js"
import type { Layer } from "./Layer.js"
import { isWhiteout } from "./Layer.js"
import type { Node } from "./MergedTree.js"
import * as MergedTree from "./MergedTree.js"
import * as Steps from "./Steps.js"
import * as TarAttributes from "./TarAttributes.js"

const join = (folder: Bytes, name: Bytes): Bytes => folder === "" ? name : `${folder}/${name}`

/**
 * A folder that only the root of a box may read has no entries for an engine that is not root. One that is too deep for
 * a path has none that could lie over an image's.
 */
const entries = (folder: Bytes): ReadonlyArray<Dirent> => {
  try {
    return readdir(folder)
  } catch (cause) {
    if (isDenied(cause) || isTooDeep(cause)) return []
    throw cause
  }
}

/** The folders of the upper that lie over a folder of the image: only there does the mark of opacity hide anything. */
function* covering(root: Bytes, relative: Bytes, below: Node, found: Array<Bytes>): Steps.Steps<void> {
  for (const entry of entries(`${root}/${relative}`)) {
    yield
    if (!entry.isDirectory()) continue
    const lower = MergedTree.child(below, entry.name)
    if (lower === undefined || !lower.stats.isDirectory()) continue
    const path = join(relative, entry.name)
    found.push(path)
    yield* covering(root, path, lower, found)
  }
}

const isOpaque = (attributes: TarAttributes.Attributes): boolean =>
  attributes.get("trusted.overlay.opaque") === "y" || attributes.get("user.overlay.opaque") === "y"

/**
 * Those folders of an upper that hide what is below them, relative to it.
 *
 * @since 0.1.0
 * @category reading
 */
export const opaqueFolders = (upper: string, below: Node): Effect.Effect<ReadonlyArray<Bytes>, StoreError> =>
  Effect.tryPromise({
    try: async () => {
      const found: Array<Bytes> = []
      await Steps.inTurns(covering(fromText(upper), "", below, found))
      return found
    },
    catch: fromCause("reading what the run left")
  }).pipe(
    Effect.flatMap((folders) =>
      Effect.map(
        TarAttributes.read(upper, folders),
        (attributes) => folders.filter((_, index) => isOpaque(attributes[index] ?? new Map()))
      )
    )
  )

/** what still has to be read before two trees count as equal */
interface Pair {
  readonly relative: Bytes
  readonly upper: Bytes
  readonly lower: Bytes
  readonly stats: Stats
}

const sameAttributes = (upper: Stats, lower: Stats): boolean =>
  upper.mode === lower.mode && upper.uid === lower.uid && upper.gid === lower.gid

const sameKind = (upper: Bytes, a: Stats, lower: Node): boolean => {
  const b = lower.stats
  if (a.isFile()) return a.size === b.size
  if (a.isSymbolicLink()) return readlink(upper) === readlink(lower.host)
  return a.isDirectory() || a.rdev === b.rdev
}

/**
 * Whether the entry may equal what is below as far as `lstat` can tell; files and folders to look into are collected.
 * `alone`: a folder above is opaque, so that what is missing here is missing in the image.
 */
function* mayEqual(
  layer: Layer,
  relative: Bytes,
  lower: Node,
  alone: boolean,
  pairs: Array<Pair>
): Steps.Steps<boolean> {
  const upper = relative === "" ? layer.root : `${layer.root}/${relative}`
  const stats = lstat(upper)
  if (stats === undefined || !sameAttributes(stats, lower.stats) || !sameKind(upper, stats, lower)) return false
  if (stats.isFile() || stats.isDirectory()) pairs.push({ relative, upper, lower: lower.host, stats })
  if (!stats.isDirectory()) return true
  const opaque = alone || layer.opaque.has(relative)
  let visible = 0
  for (const entry of readdir(upper)) {
    yield
    const path = join(relative, entry.name)
    const below = MergedTree.child(lower, entry.name)
    const whiteout = entry.isCharacterDevice() && isWhiteout(lstat(`${layer.root}/${path}`) ?? stats)
    if (whiteout) {
      if (below !== undefined) return false
      continue
    }
    if (below === undefined || !(yield* mayEqual(layer, path, below, opaque, pairs))) return false
    visible++
  }
  return !opaque || (yield* MergedTree.children(lower)).size === visible
}

const sameBytes = async ({ lower, stats, upper }: Pair): Promise<boolean> => {
  const others = FileBytes.pieces(lower, stats.size)
  try {
    let other = Buffer.alloc(0)
    for await (const piece of FileBytes.pieces(upper, stats.size)) {
      // The two may come in pieces of different sizes.
      while (other.length < piece.length) {
        const next = await others.next()
        if (next.done === true) return false
        other = Buffer.concat([other, next.value])
      }
      if (!other.subarray(0, piece.length).equals(piece)) return false
      other = other.subarray(piece.length)
    }
    return true
  } finally {
    await others.return()
  }
}

const sameContent = async (pairs: ReadonlyArray<Pair>): Promise<boolean> => {
  const files = pairs.filter(({ stats }) => stats.isFile()).sort((a, b) => a.stats.size - b.stats.size)
  for (const pair of files) {
    if (!(await sameBytes(pair))) return false
  }
  return true
}

const own = (attributes: TarAttributes.Attributes): string =>
  JSON.stringify([...attributes].filter(([name]) => !/^(trusted|user)\.overlay\./.test(name)).sort())

/** Capabilities and access lists: a run that changes nothing else has changed something. */
const sameExtended = (layer: string, pairs: ReadonlyArray<Pair>): Effect.Effect<boolean, StoreError> =>
  Effect.zipWith(
    TarAttributes.read(layer, pairs.map((pair) => pair.relative)),
    TarAttributes.read("/", pairs.map((pair) => pair.lower)),
    (upper, lower) => pairs.every((_, index) => own(upper[index] ?? new Map()) === own(lower[index] ?? new Map()))
  )

/**
 * Whether an upper shows nothing but what is below it anyway, times aside: a `chmod` to the same mode and a file
 * rewritten with the same bytes are copied up by the kernel, and change nothing. Bytes are read only when all that
 * `lstat` says is equal, the smallest files first.
 *
 * @since 0.1.0
 * @category comparison
 */
export const isUnchanged = (upper: string, layer: Layer, below: Node): Effect.Effect<boolean, StoreError> =>
  Effect.suspend(() => {
    const pairs: Array<Pair> = []
    const failed = fromCause("comparing what the run left with its image")
    return Effect.tryPromise({
      try: async () => await Steps.inTurns(mayEqual(layer, "", below, false, pairs)) && await sameContent(pairs),
      catch: (cause) => cause
    }).pipe(
      // What cannot be read cannot be called equal.
      Effect.catchAll((cause) =>
        isDenied(cause) || isTooDeep(cause) ? Effect.succeed(false) : Effect.fail(failed(cause))
      ),
      Effect.flatMap((same) => {
        const inner = pairs.filter((pair) => pair.relative !== "")
        return same && inner.length > 0 ? sameExtended(upper, inner) : Effect.succeed(same)
      })
    )
  })

/** Beyond it, paths go on from a folder that is held open: the kernel takes 4096 bytes, and a box makes deeper trees. */
const anchorBytes = 3000

/** Adds up the files at and below a folder, `linked` once. */
function* measure(root: Bytes, linked: Set<number>): Steps.Steps<number> {
  const folders = [root]
  let total = 0
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (folder.length > anchorBytes) {
      total += yield* measureFrom(folder, linked)
      continue
    }
    for (const entry of entries(folder)) {
      yield
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) folders.push(path)
      else if (entry.isFile()) {
        const stats = lstat(path)
        if (stats === undefined || (stats.nlink > 1 && linked.has(stats.ino))) continue
        if (stats.nlink > 1) linked.add(stats.ino)
        total += stats.size
      }
    }
  }
  return total
}

function* measureFrom(folder: Bytes, linked: Set<number>): Steps.Steps<number> {
  const anchor = openFolder(folder)
  if (anchor === undefined) return 0
  try {
    return yield* measure(`/proc/self/fd/${anchor}`, linked)
  } finally {
    closeSync(anchor)
  }
}

const openFolder = (folder: Bytes): number | undefined => {
  try {
    return openSync(toBuffer(folder), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (cause) {
    if (isDenied(cause)) return undefined
    throw cause
  }
}

/**
 * The bytes of the regular files in a folder and below, those with several names once.
 *
 * @since 0.1.0
 * @category reading
 */
export const size = (upper: string): Effect.Effect<number, StoreError> =>
  Effect.tryPromise({
    try: () => Steps.inTurns(measure(fromText(upper), new Set())),
    catch: fromCause("measuring what the run left")
  })
