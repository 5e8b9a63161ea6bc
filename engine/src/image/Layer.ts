/**
 * One layer of an image: a folder, and which of its folders hide what is below them. That mark is an extended
 * attribute, which Node cannot read, so it is written down beside the layer when the layer is made: `l/<n>.opaque`
 * holds the folders relative to the layer, a NUL after each.
 *
 * @since 0.1.0
 */
import { existsSync, readFileSync } from "node:fs"
import type { Stats } from "node:fs"
import type { Bytes } from "./HostBytes.js"
import { fromText } from "./HostBytes.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Layer {
  /** absolute, on the host */
  readonly root: Bytes
  /** relative to the root, without slashes at the ends */
  readonly opaque: ReadonlySet<Bytes>
}

/**
 * @since 0.1.0
 * @category paths
 */
export const opaqueFile = (layer: string): string => `${layer}.opaque`

/**
 * @since 0.1.0
 * @category conversions
 */
export const encodeOpaque = (folders: Iterable<Bytes>): Buffer =>
  Buffer.from([...folders].map((folder) => `${folder}\0`).join(""), "latin1")

/**
 * A layer of the store, by its path relative to the store.
 *
 * @since 0.1.0
 * @category constructors
 */
export const load = (store: string, relative: string): Layer => {
  const root = `${store}/${relative}`
  const list = opaqueFile(root)
  const opaque = existsSync(list) ? readFileSync(list, "latin1").split("\0").slice(0, -1) : []
  return { root: fromText(root), opaque: new Set(opaque) }
}

/**
 * A character device 0:0 stands for what a layer removes.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isWhiteout = (stats: Stats): boolean => stats.isCharacterDevice() && stats.rdev === 0
