/**
 * Which status each failure of the engine has on the wire. Protocol: section 2.0.
 *
 * @since 0.1.0
 */
import type { PathError } from "../image/PathError.js"
import type { EventLogError } from "../run/EventLogError.js"
import { badRequest, internal, notFound, Refusal, tooLarge, unprocessable } from "../run/Refusal.js"
import type { StoreError, UploadTooLarge } from "../store/StoreError.js"
import { withoutPaths } from "../store/StoreError.js"

/**
 * Everything that a route may fail with.
 *
 * @since 0.1.0
 * @category errors
 */
export type Failure = Refusal | StoreError | UploadTooLarge | EventLogError | PathError

const ofLog = (error: EventLogError, store: string): Refusal => {
  if (error.missing) return notFound("the events of this operation are gone")
  return /ENOSPC|EDQUOT|no space left|quota/i.test(error.description)
    ? new Refusal({ status: 507, error: "no space left where the store is; free some" })
    : internal(withoutPaths(error.message, store))
}

const ofStore = (error: StoreError, store: string): Refusal => {
  switch (error.reason) {
    case "DiskFull":
      return new Refusal({ status: 507, error: withoutPaths(error.description, store) })
    case "Busy":
      return new Refusal({ status: 503, error: withoutPaths(error.description, store), retryAfterSeconds: 1 })
    case "Missing":
      return notFound(error.description)
    default:
      return internal(withoutPaths(error.description, store))
  }
}

const ofPath = (error: PathError, store: string): Refusal => {
  const path = JSON.stringify(error.path)
  switch (error.reason) {
    case "NotFound":
      return notFound(`path not found: ${path}`)
    case "NotADirectory":
      return unprocessable(`not a directory: ${path}`)
    case "IsADirectory":
      return unprocessable(`not a regular file but a directory: ${path}`)
    case "NotRegular":
      return unprocessable(`not a regular file: ${path}`)
    case "Loop":
      return unprocessable(`too many symbolic links: ${path}`)
    case "Invalid":
      return badRequest(
        error.description === undefined
          ? `path must be absolute and without a NUL byte: ${path}`
          : `${error.description}: ${path.slice(0, 100)}...`
      )
    case "Unreadable":
      return unprocessable(
        `the engine cannot read ${path}: ${withoutPaths(error.description ?? "permission denied", store)}`
      )
  }
}

/**
 * The answer to a failure, without the paths of the host: `store` is that of the store.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toRefusal = (failure: Failure, store: string): Refusal => {
  switch (failure._tag) {
    case "Refusal":
      return failure
    case "StoreError":
      return ofStore(failure, store)
    case "UploadTooLarge":
      return tooLarge(`a file may have at most ${failure.maxBytes} bytes`)
    case "EventLogError":
      return ofLog(failure, store)
    case "PathError":
      return ofPath(failure, store)
  }
}
