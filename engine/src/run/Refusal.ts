/**
 * A request that is not met, and why: what the wire says with a status and `{"error", "status"}`. Protocol: section 2.0.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * `status` is the HTTP status, `error` the text for whoever asked, `retryAfterSeconds` the advice when to try again.
 *
 * @since 0.1.0
 * @category errors
 */
export class Refusal extends Schema.TaggedError<Refusal>("contree-local/Refusal")("Refusal", {
  status: Schema.Int,
  error: Schema.String,
  retryAfterSeconds: Schema.optional(Schema.Int),
  /** methods that this path does know, for 405 */
  allow: Schema.optional(Schema.String)
}) {
  /** One line for a log or a terminal. */
  override get message(): string {
    return `${this.status}: ${this.error}`
  }
}

const refusal = (status: number) => (error: string): Refusal => new Refusal({ status, error })

/**
 * The request itself is wrong.
 *
 * @since 0.1.0
 * @category constructors
 */
export const badRequest: (error: string) => Refusal = refusal(400)

/**
 * No token, or another one.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unauthorized: (error: string) => Refusal = refusal(401)

/**
 * Whoever asks may not.
 *
 * @since 0.1.0
 * @category constructors
 */
export const forbidden: (error: string) => Refusal = refusal(403)

/**
 * There is no such thing.
 *
 * @since 0.1.0
 * @category constructors
 */
export const notFound: (error: string) => Refusal = refusal(404)

/**
 * It is in a state that does not allow this.
 *
 * @since 0.1.0
 * @category constructors
 */
export const conflict: (error: string) => Refusal = refusal(409)

/**
 * More than this engine takes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tooLarge: (error: string) => Refusal = refusal(413)

/**
 * It is well-formed, and cannot be done with what it names.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unprocessable: (error: string) => Refusal = refusal(422)

/**
 * The engine failed, not the request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const internal: (error: string) => Refusal = refusal(500)

/**
 * The engine is closing.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unavailable: (error: string) => Refusal = refusal(503)

/**
 * Too many at once; nothing was begun.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tooMany = (error: string, retryAfterSeconds: number): Refusal =>
  new Refusal({ status: 429, error, retryAfterSeconds })

/**
 * It is not ready for this yet; nothing was begun.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tooEarly = (error: string, retryAfterSeconds: number): Refusal =>
  new Refusal({ status: 425, error, retryAfterSeconds })
