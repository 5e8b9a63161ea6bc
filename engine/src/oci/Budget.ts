/**
 * What all layers of an image may have together: more than any real one has, and an end to a bomb.
 *
 * @since 0.1.0
 */
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
}

/**
 * @since 0.1.0
 * @category limits
 */
export const make = (): Budget => ({ bytes: 64 * 1024 ** 3, entries: 2_000_000, names: 512 * 1024 ** 2 })

/**
 * Takes from it, or throws `TooLarge`.
 *
 * @since 0.1.0
 * @category spending
 */
export const spend = (left: Budget, what: Partial<Budget>): void => {
  left.bytes -= what.bytes ?? 0
  left.entries -= what.entries ?? 0
  left.names -= what.names ?? 0
  if (left.bytes < 0 || left.entries < 0 || left.names < 0) {
    throw importError(
      "TooLarge",
      "the image unpacks to more than 64 GiB, 2 million entries or 512 MiB of names, which is no image but a bomb"
    )
  }
}
