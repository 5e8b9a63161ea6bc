/**
 * The exact unions, smallest first: every method names one of them, and what it adds.
 *
 * @since 0.1.0
 */
import type {
  ConfigurationError,
  DecodeError,
  DisposableImageRunError,
  InvalidArgumentError,
  InvalidReferenceError,
  TransportError
} from "./ClientErrors.js"
import type {
  BadRequestError,
  ConflictError,
  ForbiddenError,
  GoneError,
  NotFoundError,
  RateLimitedError,
  ServerError,
  TooEarlyError,
  UnauthorizedError,
  UnexpectedStatusError,
  UnprocessableError
} from "./HttpErrors.js"
import type {
  CancelledOperationError,
  CommandFailedError,
  EventStreamError,
  FailedOperationError,
  OperationTimedOutError,
  OutputTruncatedError
} from "./OperationErrors.js"

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
 * Reading a path inside an image. `InvalidArgumentError`: a path, or the name of an encoding, that cannot be one.
 *
 * @since 0.1.0
 * @category unions
 */
export type ReadError =
  | LookupError
  | GoneError
  | UnprocessableError
  | InvalidArgumentError
  | DisposableImageRunError

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
 * Cancelling an operation.
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
 * Writing to a process's stdin. `ConflictError`: it takes no more, for it has ended, or its stdin has.
 * `TooEarlyError`: it was not there yet, for as long as `retry` in the configuration lets us ask.
 *
 * @since 0.1.0
 * @category unions
 */
export type WriteError = LookupError | ConflictError | TooEarlyError | DisposableImageRunError

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
 * Waiting for the end of a process. `DisposableImageRunError`: what it came from, a scratch or a layer, is closed.
 *
 * @since 0.1.0
 * @category unions
 */
export type ProcessError = WaitError | DisposableImageRunError

/**
 * Reading the output of a process that is already there.
 *
 * @since 0.1.0
 * @category unions
 */
export type OutputError = ProcessError | OutputTruncatedError

/**
 * Importing an image. `DisposableImageRunError`: the layer is closed.
 *
 * @since 0.1.0
 * @category unions
 */
export type ImportError =
  | FollowError
  | TooEarlyError
  | InvalidReferenceError
  | InvalidArgumentError
  | DisposableImageRunError
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
