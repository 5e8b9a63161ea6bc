/**
 * The digest of a file, as registries write it.
 *
 * @since 0.1.0
 */
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"

/**
 * `sha256:` and 64 hexadecimal digits. Rejects with what the file system says, and when the signal says so.
 *
 * @since 0.1.0
 * @category conversions
 */
export const digestOf = async (path: string, signal: AbortSignal): Promise<string> => {
  const hash = createHash("sha256")
  for await (const piece of createReadStream(path, { signal, highWaterMark: 256 * 1024 })) {
    hash.update(piece as Buffer)
  }
  return `sha256:${hash.digest("hex")}`
}
