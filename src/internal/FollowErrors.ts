/** How a connection to a log can end, and what of that a follower may hand on. */
import * as Option from "effect/Option"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"

/** What one connection can end in. */
export type ConnectionError =
  | Errors.LookupError
  | Errors.GoneError
  | Errors.TooEarlyError
  | Errors.EventStreamError

/** Who follows what. */
export interface Who {
  readonly operationId: Ids.OperationId
  /** named in errors */
  readonly method: string
}

/** Nothing of these gets better by asking again. */
export const isFatal = (error: ConnectionError): error is Errors.UnauthorizedError | Errors.ForbiddenError =>
  error._tag === "UnauthorizedError" || error._tag === "ForbiddenError"

/** There is no log to be had here, ever: the status has to do. */
export const saysNoRoute = (error: ConnectionError): boolean =>
  error._tag === "BadRequestError" ||
  (error._tag === "UnexpectedStatusError" && (error.status === 405 || error.status === 406))

/** What of a connection error may leave here: "later" that never came is a stream that broke. */
export const toFollowError = (who: Who, error: Option.Option<ConnectionError>): Errors.FollowError => {
  if (Option.isSome(error) && error.value._tag !== "GoneError" && error.value._tag !== "TooEarlyError") {
    return error.value
  }
  return new Errors.EventStreamError({
    method: who.method,
    operationId: who.operationId,
    retryable: true,
    description: Option.match(error, {
      onNone: () => "the connection ended again and again without the operation's end, and its status cannot be read",
      onSome: (e) => `the server kept answering ${e._tag === "GoneError" ? 410 : 425}, and its status cannot be read`
    })
  })
}
