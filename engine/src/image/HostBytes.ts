/**
 * The file system with names as they are on disk: bytes. A `Bytes` holds one byte in each character (latin1), so that
 * it can be joined, split and compared as text without losing a name that is not UTF-8.
 *
 * @since 0.1.0
 */
import type { BigIntStats, Dirent, Stats } from "node:fs"
import * as fs from "node:fs"

/**
 * @since 0.1.0
 * @category models
 */
export type Bytes = string

/**
 * @since 0.1.0
 * @category conversions
 */
export const fromText = (text: string): Bytes => Buffer.from(text, "utf8").toString("latin1")

/**
 * @since 0.1.0
 * @category conversions
 */
export const toBuffer = (bytes: Bytes): Buffer => Buffer.from(bytes, "latin1")

/**
 * What is not UTF-8 becomes U+FFFD.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toText = (bytes: Bytes): string => toBuffer(bytes).toString("utf8")

/**
 * Whether the host keeps a file of the box's root from an engine that is not root.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isDenied = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "EACCES"

/**
 * Whether a path has more bytes than the kernel takes. What lies there can be reached by going down step by step.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isTooDeep = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "ENAMETOOLONG"

const isMissing = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause &&
  (cause.code === "ENOENT" || cause.code === "ENOTDIR" || cause.code === "ENAMETOOLONG")

/**
 * @since 0.1.0
 * @category reading
 */
export const lstat = (path: Bytes): Stats | undefined => {
  try {
    return fs.lstatSync(toBuffer(path), { throwIfNoEntry: false })
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw cause
  }
}

/**
 * With inode numbers that do not fit a double.
 *
 * @since 0.1.0
 * @category reading
 */
export const lstatExact = (path: Bytes): BigIntStats => fs.lstatSync(toBuffer(path), { bigint: true })

/**
 * @since 0.1.0
 * @category reading
 */
export const readlink = (path: Bytes): Bytes => fs.readlinkSync(toBuffer(path), { encoding: "latin1" })

/**
 * @since 0.1.0
 * @category reading
 */
export const readdir = (path: Bytes): ReadonlyArray<Dirent> =>
  fs.readdirSync(toBuffer(path), { encoding: "latin1", withFileTypes: true })
