/**
 * Work on the file system that can be put down between two steps: folders may have more entries than the server's other
 * callers should wait for.
 *
 * @since 0.1.0
 */

/**
 * Synchronous work; each `yield` is a place to put it down.
 *
 * @since 0.1.0
 * @category models
 */
export type Steps<A> = Generator<void, A, void>

/** long enough that the breaks cost nothing, short enough that nobody notices */
const sliceMillis = 10

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * All at once, for what is known to be little.
 *
 * @since 0.1.0
 * @category running
 */
export const atOnce = <A>(steps: Steps<A>): A => {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/**
 * Says when it is time for the others, and lets them.
 *
 * @since 0.1.0
 * @category running
 */
export const breaks = (): () => Promise<void> | undefined => {
  let since = performance.now()
  return () => {
    if (performance.now() - since < sliceMillis) return undefined
    return nextTurn().then(() => {
      since = performance.now()
    })
  }
}

/**
 * A slice of time after another, with a turn of everybody else in between. Stops where it is when the signal says so.
 *
 * @since 0.1.0
 * @category running
 */
export const inTurns = async <A>(steps: Steps<A>, signal?: AbortSignal): Promise<A> => {
  const rest = breaks()
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    const pause = rest()
    if (pause !== undefined) await pause
    signal?.throwIfAborted()
  }
}
