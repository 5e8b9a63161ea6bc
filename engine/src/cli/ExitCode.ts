/**
 * What `run` ends with.
 *
 * @since 0.1.0
 */

/**
 * The end of a command as its event tells it; -1 and 0 for what there was none of.
 *
 * @since 0.1.0
 * @category models
 */
export interface Exit {
  readonly code: number
  readonly signal: number
  readonly timed_out: boolean
}

/**
 * As `timeout` of the core utilities has it.
 *
 * @since 0.1.0
 * @category constants
 */
export const timedOut = 124

/**
 * As a shell tells it: the command's own code, or 128 and its signal; 1 where nobody knows.
 *
 * @since 0.1.0
 * @category conversions
 */
export const of = (exit: Exit | undefined): number => {
  if (exit === undefined) return 1
  if (exit.timed_out) return timedOut
  if (exit.signal > 0) return 128 + exit.signal
  return exit.code >= 0 && exit.code <= 255 ? exit.code : 1
}
