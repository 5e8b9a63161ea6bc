/**
 * How a command ended. An exit code is never invented: what nobody reported is `Unknown`. Protocol: section 3.7.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * - `Exited`: by itself, with a code (0 to 255)
 * - `Signaled`: killed by a signal (its number)
 * - `TimedOut`: killed by the server when `timeout` was over
 * - `Unknown`: the server said nothing
 *
 * @since 0.1.0
 * @category schemas
 */
export const ExitStatus = Schema.Union(
  Schema.TaggedStruct("Exited", { code: Schema.Int }),
  Schema.TaggedStruct("Signaled", { signal: Schema.Int }),
  Schema.TaggedStruct("TimedOut", {}),
  Schema.TaggedStruct("Unknown", {})
)
/**
 * @since 0.1.0
 * @category models
 */
export type ExitStatus = typeof ExitStatus.Type

/**
 * What the wire says of an end: -1 stands for "none" in both numbers.
 *
 * @since 0.1.0
 * @category models
 */
export interface WireExit {
  readonly code?: number | null | undefined
  readonly signal?: number | null | undefined
  readonly timedOut?: boolean | null | undefined
}

const isAtLeast = (n: number | null | undefined, least: number): n is number =>
  Number.isInteger(n) && Number(n) >= least

/**
 * The end that the wire tells of. A time-out is told first (the kill that follows it has a signal too), then a signal.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromWire = (wire: WireExit): ExitStatus => {
  if (wire.timedOut === true) return { _tag: "TimedOut" }
  if (isAtLeast(wire.signal, 1)) return { _tag: "Signaled", signal: wire.signal }
  if (isAtLeast(wire.code, 0)) return { _tag: "Exited", code: wire.code }
  return { _tag: "Unknown" }
}

/**
 * The code a shell would show: the exit code, or 128 + the signal; `undefined` for `TimedOut` and `Unknown`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toExitCode = (self: ExitStatus): number | undefined => {
  switch (self._tag) {
    case "Exited":
      return self.code
    case "Signaled":
      return 128 + self.signal
    default:
      return undefined
  }
}

/**
 * In words: `exited with code 3`, `was killed by signal 9`, ...
 *
 * @since 0.1.0
 * @category conversions
 */
export const format = (self: ExitStatus): string => {
  switch (self._tag) {
    case "Exited":
      return `exited with code ${self.code}`
    case "Signaled":
      return `was killed by signal ${self.signal}`
    case "TimedOut":
      return "was killed when its time was over"
    case "Unknown":
      return "ended in a way the server did not report"
  }
}
