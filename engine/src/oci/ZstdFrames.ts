/**
 * The frames of a zstd stream, followed from header to header (RFC 8878, section 3), to know how much memory each of them
 * asks for before a decoder gives it.
 *
 * @since 0.1.0
 */

/** What the next bytes are, and how many of them are needed before they say anything. */
type State =
  | { readonly _tag: "Header" }
  | { readonly _tag: "Block"; readonly checksum: boolean }
  | { readonly _tag: "Skip"; left: number; readonly then: State }

const header: State = { _tag: "Header" }

const frameMagic = 0xfd2f_b528

/** 16 of them: what others put between frames */
const isSkippable = (magic: number): boolean => (magic & 0xffff_fff0) >>> 0 === 0x184d_2a50

const contentSizeBytes = (descriptor: number): number => {
  const flag = descriptor >> 6
  return flag === 0 ? ((descriptor & 0x20) === 0 ? 0 : 1) : 2 ** flag
}

const dictionaryBytes = (descriptor: number): number => [0, 1, 2, 4][descriptor & 3] ?? 0

const windowOf = (bytes: Buffer): number => {
  const descriptor = bytes[4] ?? 0
  if ((descriptor & 0x20) === 0) {
    const base = 2 ** (10 + ((bytes[5] ?? 0) >> 3))
    return base + (base / 8) * ((bytes[5] ?? 0) & 7)
  }
  const at = 5 + dictionaryBytes(descriptor)
  switch (contentSizeBytes(descriptor)) {
    case 1:
      return bytes.readUInt8(at)
    case 2:
      return bytes.readUInt16LE(at) + 256
    case 4:
      return bytes.readUInt32LE(at)
    default:
      return Number(bytes.readBigUInt64LE(at))
  }
}

/**
 * Follows frames whose bytes come in any pieces.
 *
 * @since 0.1.0
 * @category models
 */
export interface Frames {
  readonly follow: (piece: Uint8Array) => Followed
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Followed {
  /** the widest window, in bytes, of the frames that began so far */
  readonly window: number
  /** false once the bytes are no zstd */
  readonly valid: boolean
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (): Frames => {
  let state: State = header
  let held = Buffer.alloc(0)
  let widest = 0

  /** takes what the state can be read from; false: more bytes are needed, undefined: this is no zstd */
  const step = (): boolean | undefined => {
    if (state._tag === "Skip") {
      const taken = Math.min(state.left, held.length)
      held = held.subarray(taken)
      state.left -= taken
      if (state.left > 0) return false
      state = state.then
      return true
    }
    if (state._tag === "Block") {
      if (held.length < 3) return false
      const word = held.readUIntLE(0, 3)
      const type = (word >> 1) & 3
      const after: State = (word & 1) === 0
        ? state
        : { _tag: "Skip", left: state.checksum ? 4 : 0, then: header }
      state = { _tag: "Skip", left: 3 + (type === 1 ? 1 : word >> 3), then: after }
      return type === 3 ? undefined : true
    }
    if (held.length < 5) return false
    const magic = held.readUInt32LE(0)
    if (isSkippable(magic)) {
      if (held.length < 8) return false
      state = { _tag: "Skip", left: 8 + held.readUInt32LE(4), then: header }
      return true
    }
    if (magic !== frameMagic) return undefined
    const descriptor = held[4] ?? 0
    const single = (descriptor & 0x20) !== 0
    const length = 5 + (single ? 0 : 1) + dictionaryBytes(descriptor) + contentSizeBytes(descriptor)
    if (held.length < length) return false
    widest = Math.max(widest, windowOf(held))
    state = { _tag: "Skip", left: length, then: { _tag: "Block", checksum: (descriptor & 4) !== 0 } }
    return true
  }

  return {
    follow: (piece) => {
      held = held.length === 0 ? Buffer.from(piece) : Buffer.concat([held, piece])
      for (;;) {
        const more = step()
        if (more !== true) return { window: widest, valid: more === false }
      }
    }
  }
}
