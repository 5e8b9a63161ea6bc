/** A tar is complete when it ends in two blocks of zeros: where the transport cannot tell, this does. */
import * as Effect from "effect/Effect"
import * as Pull from "./Pull.js"

const block = 512

const isZero = (bytes: Uint8Array): boolean => {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false
  return true
}

/** how many zeros the stream ends in so far, counted no further than needed */
const zeros = (bytes: Uint8Array, before: number): number => {
  const tail = bytes.subarray(Math.max(0, bytes.length - 2 * block))
  if (isZero(tail)) return tail.length < bytes.length ? 2 * block : Math.min(2 * block, before + tail.length)
  let count = 0
  while (tail[tail.length - 1 - count] === 0) count++
  return count
}

/** the same bytes; at the end, `onCut` when the end of the archive was not among them */
export const complete = <E, E2>(self: Pull.Pull<Uint8Array, E>, onCut: () => E2): Pull.Pull<Uint8Array, E | E2> => {
  let length = 0
  let ending = 0
  const counted = Effect.map(self, (chunk) => {
    for (const bytes of chunk) {
      length += bytes.length
      ending = zeros(bytes, ending)
    }
    return chunk
  })
  const verdict = Effect.suspend(() => length % block === 0 && ending >= 2 * block ? Effect.void : Effect.fail(onCut()))
  return Pull.concluded(counted, verdict)
}
