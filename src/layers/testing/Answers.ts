/**
 * What the double answers where a service would answer with a status.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { nameOf } from "../../internal/ApiSpan.js"
import * as Errors from "../../schemas/Errors.js"
import type { Service } from "../../services/ContreeApi.js"

type Method = keyof Service & string

const words = (method: Method, status: number, description: string) => ({ method: nameOf(method), status, description })

/** @internal */
export const badRequest = (method: Method, why: string): Effect.Effect<never, Errors.BadRequestError> =>
  Effect.fail(new Errors.BadRequestError(words(method, 400, why)))

/** @internal */
export const notFound = (method: Method, why: string): Effect.Effect<never, Errors.NotFoundError> =>
  Effect.fail(new Errors.NotFoundError(words(method, 404, why)))

/** @internal */
export const conflict = (method: Method, why: string): Effect.Effect<never, Errors.ConflictError> =>
  Effect.fail(new Errors.ConflictError(words(method, 409, why)))

/** @internal */
export const unprocessable = (method: Method, why: string): Effect.Effect<never, Errors.UnprocessableError> =>
  Effect.fail(new Errors.UnprocessableError(words(method, 422, why)))
