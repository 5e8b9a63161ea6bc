/**
 * What the server refused, by status. Protocol: sections 1.3 and 2.0.
 *
 * @since 0.1.0
 */
import { describe, http, make, TypeId } from "./Describe.js"

/**
 * Status 400: the server refused the request as malformed. Without a `status` the SDK itself refused it, and says whether
 * anything was sent.
 *
 * @since 0.1.0
 * @category http errors
 */
export class BadRequestError extends make<BadRequestError>()("BadRequestError", http) {
  /** @since 0.1.0 */
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
  /** @since 0.1.0 */
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
  /** @since 0.1.0 */
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
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Status 409: for example cancelling what has already ended. Without a `status` it was refused here, before anything was
 * sent: a call that met another where it may not.
 *
 * @since 0.1.0
 * @category http errors
 */
export class ConflictError extends make<ConflictError>()("ConflictError", http) {
  /** @since 0.1.0 */
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
  /** @since 0.1.0 */
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
  /** @since 0.1.0 */
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
  /** @since 0.1.0 */
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
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Status 5xx. Whether the request had an effect is not known. 501 and 505 say that this server never can.
 *
 * @since 0.1.0
 * @category http errors
 */
export class ServerError extends make<ServerError>()("ServerError", http) {
  /** @since 0.1.0 */
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
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}
