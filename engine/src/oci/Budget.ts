/**
 * What all layers of an image may have together: an end to a bomb, before it fills the disk.
 *
 * @since 0.1.0
 */
import { statfsSync } from "node:fs"
import { importError } from "./ImportError.js"

/**
 * What is left.
 *
 * @since 0.1.0
 * @category models
 */
export interface Budget {
  /** of the tars, decompressed */
  bytes: number
  /** entries of tars, and folders that are made on the way to them */
  entries: number
  /** of the paths of entries, in bytes: all of them are known until the image is whole */
  names: number
  /** on which disk: what is left there stays for others */
  readonly disk?: Disk | undefined
}

interface Disk {
  readonly folder: string
  /** spent since it was looked at */
  unseen: number
}

const gibibyte = 1024 ** 3

/**
 * More than real images have.
 *
 * @since 0.1.0
 * @category limits
 */
export const maxImageBytes = 64 * gibibyte

/**
 * `folder` is where the image is unpacked.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: { readonly bytes?: number; readonly folder?: string } = {}): Budget => ({
  bytes: options.bytes ?? maxImageBytes,
  entries: 2_000_000,
  names: 512 * 1024 ** 2,
  disk: options.folder === undefined ? undefined : { folder: options.folder, unseen: 0 }
})

const lookEvery = 64 * 1024 ** 2

const mebibytes = (bytes: number): string => `${Math.floor(bytes / 1024 ** 2)} MiB`

const checkDisk = (disk: Disk, bytes: number): void => {
  disk.unseen += bytes
  if (disk.unseen < lookEvery) return
  disk.unseen = 0
  const { bavail, blocks, bsize } = statfsSync(disk.folder)
  const free = bavail * bsize
  const reserve = Math.min(gibibyte, blocks * bsize * 0.05)
  if (free >= reserve) return
  throw importError(
    "TooLarge",
    `the image would fill the disk: ${mebibytes(free)} are left where the store is, and ${
      mebibytes(reserve)
    } stay for ` +
      "others. Make room (contree-local gc), or import a smaller image"
  )
}

/**
 * Takes from it, or throws `TooLarge`.
 *
 * @since 0.1.0
 * @category spending
 */
export const spend = (left: Budget, what: Partial<Pick<Budget, "bytes" | "entries" | "names">>): void => {
  left.bytes -= what.bytes ?? 0
  left.entries -= what.entries ?? 0
  left.names -= what.names ?? 0
  if (left.bytes < 0) {
    throw importError("TooLarge", "the image unpacks to more bytes than the engine's option maxImageBytes allows")
  }
  if (left.entries < 0 || left.names < 0) {
    throw importError(
      "TooLarge",
      "the image has more than 2 million entries or 512 MiB of names, which is no image but a bomb"
    )
  }
  if (left.disk !== undefined && what.bytes !== undefined) checkDisk(left.disk, what.bytes)
}
