/**
 * How an operation, or waiting for it, can go wrong. Protocol: sections 3.8 and 4.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ExitStatus } from "../ExitStatus.js"
import { ImageId } from "../Ids.js"
import { describe, ended, lastWords, make, operation, TypeId } from "./Describe.js"

/**
 * The event stream broke in a way that resuming did not mend.
 *
 * @since 0.1.0
 * @category operation errors
 */
export class EventStreamError extends make<EventStreamError>()("EventStreamError", operation) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * The operation ended as FAILED, or without the image it was asked for.
 *
 * @since 0.1.0
 * @category operation errors
 */
export class FailedOperationError extends make<FailedOperationError>()("FailedOperationError", {
  ...operation,
  exit: Schema.optional(ExitStatus),
  stdoutTail: Schema.optional(Schema.String),
  stderrTail: Schema.optional(Schema.String)
}) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `${
      describe(this, {
        detail: this.exit && ended(this.exit),
        ...(this.description === undefined ? {} : { hint: "" })
      })
    }${lastWords(this)}`
  }
}

/**
 * The operation ended as CANCELLED.
 *
 * @since 0.1.0
 * @category operation errors
 */
export class CancelledOperationError extends make<CancelledOperationError>()("CancelledOperationError", operation) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * `waitTimeout`, our own clock, ran out. `run` and `stream` have cancelled the operation; `Operations.wait` has not.
 *
 * @since 0.1.0
 * @category operation errors
 */
export class OperationTimedOutError extends make<OperationTimedOutError>()("OperationTimedOutError", operation) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * The server cuts each of stdout and stderr at `truncateOutputAt` bytes; what promises the whole fails then.
 *
 * @since 0.1.0
 * @category operation errors
 */
export class OutputTruncatedError extends make<OutputTruncatedError>()("OutputTruncatedError", {
  ...operation,
  stream: Schema.Literal("stdout", "stderr"),
  bytesEmitted: Schema.Int,
  bytesDropped: Schema.Int
}) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this, {
      detail: `of ${this.stream} the first ${this.bytesEmitted} bytes are there, ${this.bytesDropped} are lost`
    })
  }
}

/**
 * The command ended badly and `check` (or `RunResult.orFail`) was asked for. The tails hold up to 4 KiB of text.
 *
 * @since 0.1.0
 * @category operation errors
 */
export class CommandFailedError extends make<CommandFailedError>()("CommandFailedError", {
  ...operation,
  exit: ExitStatus,
  stdoutTail: Schema.String,
  stderrTail: Schema.String,
  imageId: Schema.optional(ImageId)
}) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `${describe(this, { detail: ended(this.exit), hint: "" })}${lastWords(this)}`
  }
}
