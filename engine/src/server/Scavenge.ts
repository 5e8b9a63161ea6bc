/**
 * What comes over a socket lies outside of V8's heap. V8 lets 64 MB of it gather, read and forgotten long since, before
 * it looks for what is still used, and then it looks at all of its heap. To look at the young objects alone takes a
 * tenth of that time and frees the same, but is done only when they are many: so some are made, in proportion.
 *
 * The SDK's client for Node does the same with what it receives.
 *
 * @since 0.1.0
 */

/** in bytes; for as many that are received, one array is made */
const step = 16 * 1024

/** of 8 bytes each: half as large as what it stands for */
const slots = step / 2 / 8

/** The last one is held, so that no compiler finds it useless. */
const held: { bytes: number; young: ReadonlyArray<unknown> } = { bytes: 0, young: [] }

/**
 * To be told of all bytes that are received.
 *
 * @since 0.1.0
 * @category accounting
 */
export const count = (bytes: number): void => {
  for (held.bytes += bytes; held.bytes >= step; held.bytes -= step) held.young = new Array(slots)
}
