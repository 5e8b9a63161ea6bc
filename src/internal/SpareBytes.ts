/**
 * Buffers to be filled again, where whoever sends them says when they are on their way. A gigabyte of buffers that are
 * filled once waits for the garbage collector, which looks at what its own heap holds, and takes its time.
 *
 * Who never gives back only costs memory: what was lent is then simply never used again.
 */

const lent = new WeakMap<Uint8Array, () => void>()

export interface Spare {
  /** one that nobody uses */
  readonly take: () => Uint8Array
  /** says that it may come back; the caller leaves it alone from now on */
  readonly lend: (buffer: Uint8Array) => void
}

export const make = (size: number): Spare => {
  const free: Array<Uint8Array> = []
  return {
    take: () => free.pop() ?? new Uint8Array(size),
    lend: (buffer) => void lent.set(buffer, () => free.push(buffer))
  }
}

/** To be said of what nobody will read any more. Of bytes that were not lent it does nothing. */
export const giveBack = (bytes: Uint8Array): void => {
  const back = lent.get(bytes)
  lent.delete(bytes)
  back?.()
}
