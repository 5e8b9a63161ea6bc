/**
 * One output stream of a process, cut at an exact number of bytes. Protocol: sections 3.3 and 4.3.
 *
 * @since 0.1.0
 */
import { concat } from "../../internal/Bytes.js"
import * as StreamRepr from "../../schemas/StreamRepr.js"

/** bytes of one event at most */
const chunkBytes = 64 * 1024

/** @internal */
export interface Payload {
  readonly value: string
  readonly encoding: "ascii" | "base64"
  /** on the last chunk of a stream that is cut */
  readonly truncated?: true
}

/** @internal */
export class Cut {
  readonly #pieces: Array<Uint8Array> = []
  #emitted = 0
  #dropped = 0

  constructor(readonly limit: number) {}

  get emitted(): number {
    return this.#emitted
  }

  get dropped(): number {
    return this.#dropped
  }

  /** what of these bytes is to be shown */
  take(bytes: Uint8Array): ReadonlyArray<Payload> {
    const shown = bytes.slice(0, Math.max(0, this.limit - this.#emitted))
    const isCutNow = this.#dropped === 0 && shown.length < bytes.length
    this.#emitted += shown.length
    this.#dropped += bytes.length - shown.length
    if (shown.length > 0) this.#pieces.push(shown)
    const payloads: Array<Payload> = []
    for (let at = 0; at < shown.length; at += chunkBytes) {
      payloads.push(StreamRepr.fromBytes(shown.subarray(at, at + chunkBytes)))
    }
    if (!isCutNow) return payloads
    // the limit may have been reached exactly before: then an empty chunk bears the mark
    const last = payloads.pop() ?? { value: "", encoding: "ascii" as const }
    return [...payloads, { ...last, truncated: true }]
  }

  repr(): StreamRepr.StreamRepr {
    return { ...StreamRepr.fromBytes(concat(this.#pieces)), truncated: this.#dropped > 0 }
  }
}
