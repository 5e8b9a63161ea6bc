/**
 * Everything that can go wrong, as a closed union of tagged errors. Each says which method it comes from, what was tried
 * and what to do next (`hint`), and none ever holds the token. Protocol: sections 1.3, 2.0 and 3.8.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as ExitStatus from "./ExitStatus.js"
import { ImageId, OperationId } from "./Ids.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("effect-contree/Errors")
/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

// everything but `method` has a default: a test that fails once should not have to fill in five fields
const common = {
  method: Schema.String,
  description: Schema.optional(Schema.String),
  retryable: Schema.propertySignature(Schema.Union(Schema.Boolean, Schema.Literal("unknown"))).pipe(
    Schema.withConstructorDefault(() => false as boolean | "unknown")
  )
}
const http = {
  ...common,
  status: Schema.optional(Schema.Int),
  operationId: Schema.optional(OperationId),
  /** the server's name for the request: quote it when you ask for help */
  requestId: Schema.optional(Schema.String),
  /** how long the server asked to wait, in milliseconds */
  retryAfterMillis: Schema.optional(Schema.Number)
}
const op = { ...common, operationId: OperationId }

const titles = {
  BadRequestError: ["the server refused the request as malformed", "read the description: it is the server's own"],
  UnauthorizedError: ["the token was not accepted", "check CONTREE_TOKEN or the profile; Contree.diagnose says more"],
  ForbiddenError: ["the token may not do this", "ask for the permission that the description names"],
  NotFoundError: ["there is no such thing", "check the name; untagged images and old operations age out"],
  ConflictError: ["it is in a state that does not allow this", "read it again and decide anew"],
  GoneError: ["it is gone, or not there yet", "try again shortly; if it stays, the content was removed"],
  UnprocessableError: ["it exists, but not as what was asked for", "a folder is no file: use the method for its kind"],
  TooEarlyError: ["the server was not ready and did nothing", "safe to send again"],
  RateLimitedError: ["too many at once; the server did nothing", "wait, or lower the concurrency in ContreeConfig"],
  ServerError: ["the server failed", "try again; if it stays, ask its operators and quote the request id"],
  UnexpectedStatusError: ["the server answered with a status nobody expected", "check the base URL and any proxy"],
  TransportError: ["the server could not be reached, or the connection broke", "check the base URL and the network"],
  DecodeError: ["the answer could not be read", "is the base URL that of a ConTree service?"],
  EventStreamError: ["the stream of events broke and could not be resumed", "read the operation's status instead"],
  FailedOperationError: ["the operation failed", "the reason is the server's; the command's own exit is not meant"],
  CancelledOperationError: ["the operation was cancelled", "somebody asked for it: nothing to mend"],
  OperationTimedOutError: ["it took longer than waitTimeout, and was cancelled", "allow more time with waitTimeout"],
  OutputTruncatedError: ["the server cut the output", "raise truncateOutputAt, or write to a file and download it"],
  CommandFailedError: ["the command failed", "its last output is in stdoutTail and stderrTail"],
  DisposableImageRunError: ["this image does not exist", "run with { disposable: false } to keep an image"],
  InvalidReferenceError: ["this names no image", "write an image id, tag:NAME, or [registry/]name[:tag]"],
  InvalidArgumentError: ["an argument cannot be used", "nothing was sent"],
  ConfigurationError: ["the SDK is not configured", "set one of the places that were tried"]
} as const

interface Described {
  readonly _tag: keyof typeof titles
  readonly method: string
  readonly description?: string | undefined
  readonly status?: number | undefined
  readonly operationId?: string | undefined
  readonly requestId?: string | undefined
}

const describe = (self: Described): string =>
  [
    `${self.method}: ${titles[self._tag][0]}`,
    self.status === undefined ? "" : ` (status ${self.status})`,
    self.operationId === undefined ? "" : ` [operation ${self.operationId}]`,
    self.requestId === undefined ? "" : ` [request ${self.requestId}]`,
    self.description === undefined || self.description === "" ? "" : `: ${self.description}`
  ].join("")

const make = <Self>() =>
<const Tag extends keyof typeof titles, Fields extends Schema.Struct.Fields>(
  tag: Tag,
  fields: Fields
) => Schema.TaggedError<Self>(`effect-contree/${tag}`)(tag, fields)

const tail = (self: { readonly stderrTail: string; readonly stdoutTail: string }): string => {
  const text = (self.stderrTail.trim() === "" ? self.stdoutTail : self.stderrTail).trimEnd()
  return text === "" ? "" : `; its last output:\n${text}`
}

/**
 * Status 400: the server refused the request as malformed.
 *
 * @since 0.1.0
 * @category http errors
 */
export class BadRequestError extends make<BadRequestError>()("BadRequestError", http) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Status 401: no token, or one the server does not know.
 *
 * @since 0.1.0
 * @category http errors
 */
export class UnauthorizedError extends make<UnauthorizedError>()("UnauthorizedError", http) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Status 403: the token lacks a permission (the hosted gateway answers so to a wrong token too).
 *
 * @since 0.1.0
 * @category http errors
 */
export class ForbiddenError extends make<ForbiddenError>()("ForbiddenError", http) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Status 404: no image, operation, file, process or path of that name.
 *
 * @since 0.1.0
 * @category http errors
 */
export class NotFoundError extends make<NotFoundError>()("NotFoundError", http) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Status 409: for example cancelling what has already ended.
 *
 * @since 0.1.0
 * @category http errors
 */
export class ConflictError extends make<ConflictError>()("ConflictError", http) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Status 410: the content is gone, or not there yet.
 *
 * @since 0.1.0
 * @category http errors
 */
export class GoneError extends make<GoneError>()("GoneError", http) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Status 422: the path exists but is of another kind, or a field cannot be honoured.
 *
 * @since 0.1.0
 * @category http errors
 */
export class UnprocessableError extends make<UnprocessableError>()("UnprocessableError", http) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Status 425: not ready; the request had no effect and may be sent again.
 *
 * @since 0.1.0
 * @category http errors
 */
export class TooEarlyError extends make<TooEarlyError>()("TooEarlyError", http) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Status 429: over a limit; the request had no effect and may be sent again.
 *
 * @since 0.1.0
 * @category http errors
 */
export class RateLimitedError extends make<RateLimitedError>()("RateLimitedError", http) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Status 5xx. Whether the request had an effect is not known.
 *
 * @since 0.1.0
 * @category http errors
 */
export class ServerError extends make<ServerError>()("ServerError", http) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Any other status: a redirect nobody asked for, 402, 405, 408, 413, 415, 431, ...
 *
 * @since 0.1.0
 * @category http errors
 */
export class UnexpectedStatusError extends make<UnexpectedStatusError>()("UnexpectedStatusError", http) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * No answer: refused, reset, timed out, cut. `code` is the system's word for it, such as `ECONNREFUSED`.
 *
 * @since 0.1.0
 * @category errors
 */
export class TransportError extends make<TransportError>()("TransportError", {
  ...common,
  code: Schema.optional(Schema.String)
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * An answer that is not what the protocol promises.
 *
 * @since 0.1.0
 * @category errors
 */
export class DecodeError extends make<DecodeError>()("DecodeError", common) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * The event stream broke in a way that resuming did not mend.
 *
 * @since 0.1.0
 * @category operation errors
 */
export class EventStreamError extends make<EventStreamError>()("EventStreamError", op) {
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
  ...op,
  exit: Schema.optional(ExitStatus.ExitStatus),
  stdoutTail: Schema.optional(Schema.String),
  stderrTail: Schema.optional(Schema.String)
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * The operation ended as CANCELLED.
 *
 * @since 0.1.0
 * @category operation errors
 */
export class CancelledOperationError extends make<CancelledOperationError>()("CancelledOperationError", op) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * `waitTimeout`, our own clock, ran out; the operation was cancelled.
 *
 * @since 0.1.0
 * @category operation errors
 */
export class OperationTimedOutError extends make<OperationTimedOutError>()("OperationTimedOutError", op) {
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
  ...op,
  stream: Schema.Literal("stdout", "stderr"),
  bytesEmitted: Schema.Int,
  bytesDropped: Schema.Int
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `${describe(this)}: ${this.stream} lost ${this.bytesDropped} bytes after ${this.bytesEmitted}`
  }
}

/**
 * The command ended badly and `check` (or `RunResult.orFail`) was asked for. The tails hold up to 4 KiB of text.
 *
 * @since 0.1.0
 * @category operation errors
 */
export class CommandFailedError extends make<CommandFailedError>()("CommandFailedError", {
  ...op,
  exit: ExitStatus.ExitStatus,
  stdoutTail: Schema.String,
  stderrTail: Schema.String,
  imageId: Schema.optional(ImageId)
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `${describe(this)}: it ${ExitStatus.format(this.exit)}${tail(this)}`
  }
}

/**
 * A handle without an image: the result of a disposable run, or anything of a closed `scratch` scope.
 *
 * @since 0.1.0
 * @category errors
 */
export class DisposableImageRunError extends make<DisposableImageRunError>()("DisposableImageRunError", common) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Text that names no image. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidReferenceError extends make<InvalidReferenceError>()("InvalidReferenceError", {
  ...common,
  reference: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `${describe(this)}: ${JSON.stringify(this.reference)}`
  }
}

/**
 * An argument that cannot be used. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidArgumentError extends make<InvalidArgumentError>()("InvalidArgumentError", {
  ...common,
  argument: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `${describe(this)} (${this.argument})`
  }
}

/**
 * Configuration that is missing or wrong; `tried` lists every place that was looked at.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConfigurationError extends make<ConfigurationError>()("ConfigurationError", {
  ...common,
  tried: Schema.Array(Schema.String)
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `${describe(this)}${this.tried.length === 0 ? "" : `; tried ${this.tried.join(", ")}`}`
  }
}

// -------------------------------------------------------------------------- the exact unions, smallest first

/**
 * What any request can end in.
 *
 * @since 0.1.0
 * @category unions
 */
export type RequestError =
  | BadRequestError
  | UnauthorizedError
  | ForbiddenError
  | RateLimitedError
  | ServerError
  | UnexpectedStatusError
  | TransportError
  | DecodeError

/**
 * Reading one thing by name: an image, an operation, a file.
 *
 * @since 0.1.0
 * @category unions
 */
export type LookupError = RequestError | NotFoundError

/**
 * Reading a path inside an image.
 *
 * @since 0.1.0
 * @category unions
 */
export type ReadError = LookupError | GoneError | UnprocessableError | DisposableImageRunError

/**
 * Setting or removing a tag.
 *
 * @since 0.1.0
 * @category unions
 */
export type TagError = LookupError | ConflictError | DisposableImageRunError

/**
 * Uploading a file.
 *
 * @since 0.1.0
 * @category unions
 */
export type UploadError = RequestError

/**
 * Cancelling an operation or killing a process.
 *
 * @since 0.1.0
 * @category unions
 */
export type CancelError = LookupError | ConflictError

/**
 * Following the events of an operation.
 *
 * @since 0.1.0
 * @category unions
 */
export type FollowError = LookupError | EventStreamError

/**
 * Starting a command.
 *
 * @since 0.1.0
 * @category unions
 */
export type SpawnError =
  | LookupError
  | UnprocessableError
  | TooEarlyError
  | UploadError
  | InvalidArgumentError
  | DisposableImageRunError

/**
 * Waiting for an operation's end.
 *
 * @since 0.1.0
 * @category unions
 */
export type WaitError = FollowError | FailedOperationError | CancelledOperationError | OperationTimedOutError

/**
 * Starting a command and waiting for its end.
 *
 * @since 0.1.0
 * @category unions
 */
export type RunError = SpawnError | WaitError | OutputTruncatedError

/**
 * Reading the output of a process that is already there.
 *
 * @since 0.1.0
 * @category unions
 */
export type OutputError = WaitError | OutputTruncatedError

/**
 * Importing an image.
 *
 * @since 0.1.0
 * @category unions
 */
export type ImportError =
  | LookupError
  | TooEarlyError
  | InvalidReferenceError
  | InvalidArgumentError
  | FailedOperationError
  | CancelledOperationError
  | OperationTimedOutError

/**
 * Moving about in a session's history.
 *
 * @since 0.1.0
 * @category unions
 */
export type SessionError = InvalidArgumentError

/**
 * All of them.
 *
 * @since 0.1.0
 * @category unions
 */
export type ContreeError =
  | RunError
  | ReadError
  | TagError
  | CancelError
  | ImportError
  | CommandFailedError
  | ConfigurationError

/**
 * Is it one of ours? (A program's own error may share a tag such as `NotFoundError`.)
 *
 * @since 0.1.0
 * @category guards
 */
export const isContreeError = (u: unknown): u is ContreeError => Predicate.hasProperty(u, TypeId)

/**
 * Is it safe and worth while to do it again? Where that is not known (`"unknown"`), no.
 *
 * @since 0.1.0
 * @category guards
 */
export const isRetryable = (e: ContreeError): boolean => e.retryable === true

/**
 * One line on what to do next.
 *
 * @since 0.1.0
 * @category getters
 */
export const hint = (e: ContreeError): string => titles[e._tag][1]
