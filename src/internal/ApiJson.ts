/** Bodies of requests in JSON. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type * as Errors from "../schemas/Errors.js"
import * as ApiErrors from "./ApiErrors.js"
import type { Wiring } from "./ApiRequest.js"

/** a body in JSON, checked before anything is sent */
export const jsonBody = <A, I>(
  wiring: Wiring,
  method: string,
  schema: Schema.Schema<A, I>,
  value: A
): Either.Either<HttpBody.HttpBody, Errors.BadRequestError> =>
  Either.mapBoth(Schema.encodeEither(schema)(value), {
    onLeft: (error) => ApiErrors.refused({ method }, ApiErrors.issuesOf(error), wiring.scrub),
    onRight: (encoded) => HttpBody.unsafeJson(encoded)
  })
