/**
 * Layers seen as one file system, by the rules of overlayfs. A step is a few `lstat` of a local disk, or one
 * `readdir`.
 *
 * @since 0.1.0
 */
import type { Stats } from "node:fs"
import type { Bytes } from "./HostBytes.js"
import { fromText, lstat, readdir, readlink, toText } from "./HostBytes.js"
import type { Layer } from "./Layer.js"
import { isWhiteout } from "./Layer.js"
import { PathError } from "./PathError.js"
import type { Steps } from "./Steps.js"

/** one layer's part of a folder */
interface Place {
  readonly layer: Layer
  /** relative to the layer's root, empty for the root itself */
  readonly relative: Bytes
  readonly host: Bytes
}

/**
 * What lies at a place of the tree: `host` is the topmost layer's. `places` are the folders that make up a folder, from
 * the top; empty for all else.
 *
 * @since 0.1.0
 * @category models
 */
export interface Node {
  readonly stats: Stats
  readonly host: Bytes
  readonly places: ReadonlyArray<Place>
}

/**
 * A node and its path from the root of the image, without a leading slash.
 *
 * @since 0.1.0
 * @category models
 */
export interface Located {
  readonly node: Node
  readonly path: Bytes
}

const maxLinks = 40

const below = (place: Place, name: Bytes): Place => ({
  layer: place.layer,
  relative: place.relative === "" ? name : `${place.relative}/${name}`,
  host: `${place.host}/${name}`
})

/** `l/<n>`: where the store is on the host is nobody's business who asks for a path of an image. */
const inStore = (layer: Bytes): string => toText(layer.split("/").slice(-2).join("/"))

const noLayer = (name: string): PathError =>
  new PathError({ reason: "Unreadable", path: "/", description: `the layer ${name} of the image is not there` })

/**
 * Throws `PathError` where a layer is not there: without it the tree would be another image's.
 *
 * @since 0.1.0
 * @category constructors
 */
export const root = (layersBottomFirst: ReadonlyArray<Layer>): Node => {
  const places = layersBottomFirst.map((layer) => ({ layer, relative: "", host: layer.root })).reverse()
  const [top] = places.map(({ host }) => {
    const stats = lstat(host)
    if (stats === undefined || !stats.isDirectory()) throw noLayer(inStore(host))
    return { stats, host }
  })
  if (top === undefined) throw noLayer("(none)")
  return { ...top, places }
}

/**
 * The entry of a folder with exactly this name.
 *
 * @since 0.1.0
 * @category lookup
 */
export const child = (folder: Node, name: Bytes): Node | undefined => {
  const places: Array<Place> = []
  let top: Stats | undefined
  for (const parent of folder.places) {
    const place = below(parent, name)
    const stats = lstat(place.host)
    if (stats === undefined) continue
    if (isWhiteout(stats)) break
    if (!stats.isDirectory()) {
      if (top === undefined) return { stats, host: place.host, places: [] }
      break
    }
    top ??= stats
    places.push(place)
    if (place.layer.opaque.has(place.relative)) break
  }
  return top === undefined ? undefined : { stats: top, host: places[0]!.host, places }
}

interface Gathering {
  readonly places: Array<Place>
  closed: boolean
}

const gather = (found: Map<Bytes, Gathering>, place: Place, isDirectory: boolean): void => {
  const name = place.relative.slice(place.relative.lastIndexOf("/") + 1)
  const entry = found.get(name) ?? { places: [], closed: false }
  if (entry.closed) return
  found.set(name, entry)
  if (isDirectory || entry.places.length === 0) entry.places.push(place)
  entry.closed = !isDirectory || place.layer.opaque.has(place.relative)
}

const hidden: Gathering = { places: [], closed: true }

const toNode = (gathering: Gathering): Node | undefined => {
  const top = gathering.places[0]
  const stats = top && lstat(top.host)
  if (stats === undefined) return undefined
  return { stats, host: top!.host, places: stats.isDirectory() ? gathering.places : [] }
}

/**
 * The entries of a folder, in the order of their bytes. Each layer's folder is read once.
 *
 * @since 0.1.0
 * @category lookup
 */
export function* children(folder: Node): Steps<ReadonlyMap<Bytes, Node>> {
  const found = new Map<Bytes, Gathering>()
  for (const parent of folder.places) {
    for (const entry of readdir(parent.host)) {
      yield
      const place = below(parent, entry.name)
      // A whiteout closes the name to the layers below; what is above stays.
      const stats = entry.isCharacterDevice() ? lstat(place.host) : undefined
      if (stats === undefined || !isWhiteout(stats)) gather(found, place, entry.isDirectory())
      else {
        const above = found.get(entry.name)
        if (above === undefined) found.set(entry.name, hidden)
        else above.closed = true
      }
    }
  }
  const nodes = new Map<Bytes, Node>()
  for (const name of [...found.keys()].sort()) {
    yield
    const node = toNode(found.get(name) ?? hidden)
    if (node !== undefined) nodes.set(name, node)
  }
  return nodes
}

const replacement = fromText("\uFFFD")

/** Text can only show a name that is not UTF-8 by U+FFFD: asked for like that, it is found if it is the only one. */
function* childLike(folder: Node, name: Bytes): Steps<Located | undefined> {
  const exact = child(folder, name)
  if (exact !== undefined) return { node: exact, path: name }
  if (!name.includes(replacement)) return undefined
  const wanted = toText(name)
  const alike = [...(yield* children(folder))].filter(([candidate]) => toText(candidate) === wanted)
  const only = alike.length === 1 ? alike[0] : undefined
  return only && { node: only[1], path: only[0] }
}

const refuse = (reason: PathError["reason"], asked: Bytes): never => {
  throw new PathError({ reason, path: toText(asked) })
}

const maxPathBytes = 4096

const check = (path: Bytes): void => {
  if (!path.startsWith("/") || path.includes("\0")) refuse("Invalid", path)
  if (path.length > maxPathBytes) {
    throw new PathError({
      reason: "Invalid",
      path: `${toText(path.slice(0, 100))}...`,
      description: `a path has at most ${maxPathBytes} bytes, and this one has ${path.length}`
    })
  }
}

/**
 * Walks an absolute path inside the tree. `follow` is about a link at its end; links before the end are always followed.
 * Throws `PathError`.
 *
 * @since 0.1.0
 * @category lookup
 */
export function* resolve(top: Node, asked: Bytes, follow: boolean): Steps<Located> {
  check(asked)
  const trail: Array<Located> = [{ node: top, path: "" }]
  let current: Located = trail[0]!
  let links = 0
  // Reversed, so that a link's target is put in front by pushing. What comes from a link is never guessed at.
  const pending = asked.split("/").reverse().map((name) => ({ name, guess: true }))
  for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
    if (!current.node.stats.isDirectory()) refuse("NotADirectory", asked)
    if (step.name === "" || step.name === ".") continue
    if (step.name === "..") {
      if (trail.length > 1) trail.pop()
      current = trail[trail.length - 1]!
      continue
    }
    const folder = current
    const exact = step.guess ? undefined : child(folder.node, step.name)
    const found = step.guess ? yield* childLike(folder.node, step.name) : exact && { node: exact, path: step.name }
    if (found === undefined) return refuse("NotFound", asked)
    if (found.node.stats.isSymbolicLink() && (follow || pending.length > 0)) {
      if (++links > maxLinks) refuse("Loop", asked)
      const target = readlink(found.node.host)
      if (target.startsWith("/")) trail.length = 1
      current = trail[trail.length - 1]!
      target.split("/").reverse().forEach((name) => pending.push({ name, guess: false }))
      continue
    }
    current = { node: found.node, path: folder.path === "" ? found.path : `${folder.path}/${found.path}` }
    trail.push(current)
  }
  return current
}
