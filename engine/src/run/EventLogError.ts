/**
 * What can go wrong with the log of an operation.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The log of one operation could not be read or written. `missing` when there is no such log.
 *
 * @since 0.1.0
 * @category errors
 */
export class EventLogError extends Schema.TaggedError<EventLogError>("contree-local/EventLogError")("EventLogError", {
  operationId: Schema.String,
  missing: Schema.Boolean,
  description: Schema.String
}) {
  /** One line for a log or a terminal. */
  override get message(): string {
    return `the event log of operation ${this.operationId}: ${this.description}`
  }
}

const describe = (error: unknown): string => error instanceof Error ? error.message : String(error)

/**
 * What was thrown, as an error of this log.
 *
 * @since 0.1.0
 * @category conversions
 */
export const failure = (operationId: string) => (error: unknown): EventLogError =>
  error instanceof EventLogError ? error : new EventLogError({
    operationId,
    missing: error instanceof Error && "code" in error && error.code === "ENOENT",
    description: describe(error)
  })
