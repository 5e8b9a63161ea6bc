/** A POST that begins an operation: sent again where an interruption can tell a pause from a request on its way. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { OperationId } from "../schemas/Ids.js"
import * as Wire from "../schemas/Wire.js"
import type { Extra, StatusError } from "./ApiErrors.js"
import * as ApiRequest from "./ApiRequest.js"
import { retried } from "./Retry.js"
import * as RunAttempt from "./RunAttempt.js"

/** the id of the operation; there is no telling whether one began when the answer is lost, so only 425 and 429 repeat */
export const created = <X extends Extra>(
  wiring: ApiRequest.Wiring,
  call: Omit<ApiRequest.Call<X>, "verb" | "once">
): Effect.Effect<OperationId, StatusError<X>> =>
  RunAttempt.marked(
    ApiRequest.json(wiring, { ...call, verb: "POST", once: true }, Wire.OperationCreated),
    (mayGoOn) => retried(Schedule.whileInput(wiring.retry, mayGoOn), false)
  ).pipe(Effect.map(({ uuid }) => uuid))
