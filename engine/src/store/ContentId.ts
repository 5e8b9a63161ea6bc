/**
 * Ids of images that are made from known bytes: the same bytes are the same image, so that two processes cannot make two.
 *
 * @since 0.1.0
 */
import { ImageId } from "effect-contree/Ids"
import type { Hash } from "node:crypto"

/**
 * A UUID of version 8, whose bits are its maker's own.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (sha256: Hash): ImageId => {
  const hex = sha256.digest("hex")
  const variant = (Number.parseInt(hex.charAt(16), 16) & 0x3 | 0x8).toString(16)
  return ImageId.make(
    [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, variant + hex.slice(17, 20), hex.slice(20, 32)].join(
      "-"
    )
  )
}
