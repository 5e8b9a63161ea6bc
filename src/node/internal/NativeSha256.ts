/** SHA-256 by OpenSSL, which has the processor's own instructions for it. */
import { createHash } from "node:crypto"
import type { Hasher } from "../../internal/Sha256.js"

export const make = (): Hasher => {
  const hash = createHash("sha256")
  let size = 0
  return {
    update: (bytes) => {
      size += bytes.length
      hash.update(bytes)
    },
    size: () => size,
    // A hash that has given its digest takes no more.
    hex: () => hash.copy().digest("hex")
  }
}
