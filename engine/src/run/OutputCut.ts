/**
 * The cut of a stream at an exact number of bytes, and the chunks that events carry. Protocol: sections 3.3 and 4.3.
 *
 * @since 0.1.0
 */
import * as StreamRepr from "effect-contree/StreamRepr"

/**
 * Bytes of one event at most: small enough for any reader of lines, large enough to be cheap.
 *
 * @since 0.1.0
 * @category defaults
 */
export const chunkBytes = 64 * 1024

/**
 * The payload of a `stdout` or `stderr` event. `truncated` stands on the last chunk of a stream that was cut.
 *
 * @since 0.1.0
 * @category models
 */
export interface OutputChunk {
  readonly value: string
  readonly encoding: "ascii" | "base64"
  readonly truncated?: true
}

/**
 * One stream of one process.
 *
 * @since 0.1.0
 * @category models
 */
export interface OutputCut {
  /** What of these bytes is to be shown. The chunk with the mark comes when the first byte too many does. */
  readonly take: (bytes: Uint8Array) => ReadonlyArray<OutputChunk>
  readonly emitted: () => number
  readonly dropped: () => number
}

/**
 * Lets `limit` bytes through and counts the rest.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (limit: number): OutputCut => {
  let emitted = 0
  let dropped = 0
  const take = (bytes: Uint8Array): ReadonlyArray<OutputChunk> => {
    const shown = bytes.subarray(0, Math.max(0, limit - emitted))
    const cutNow = dropped === 0 && shown.length < bytes.length
    emitted += shown.length
    dropped += bytes.length - shown.length
    const chunks: Array<OutputChunk> = []
    for (let at = 0; at < shown.length; at += chunkBytes) {
      chunks.push(StreamRepr.fromBytes(shown.subarray(at, at + chunkBytes)))
    }
    if (!cutNow) return chunks
    // the limit may have been reached exactly before: then an empty chunk bears the mark
    const last = chunks.pop() ?? { value: "", encoding: "ascii" as const }
    return [...chunks, { ...last, truncated: true }]
  }
  return { take, emitted: () => emitted, dropped: () => dropped }
}
