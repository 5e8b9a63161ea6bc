/**
 * A file the service already has: content-addressed, so the same bytes have the same id.
 *
 * @since 0.1.0
 */
import type { FileId } from "./Ids.js"

/**
 * `sha256` in lower-case hexadecimal, `size` in bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Uploaded {
  readonly id: FileId
  readonly sha256: string
  readonly size: number
}
