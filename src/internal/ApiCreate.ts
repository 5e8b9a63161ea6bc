/** A POST that begins something that goes on: sent again where an interruption can tell a pause from a request on its way. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Ids from "../schemas/Ids.js"
import type * as Wire from "../schemas/Wire.js"
import type { Extra, StatusError } from "./ApiErrors.js"
import * as ApiPath from "./ApiPath.js"
import * as ApiRequest from "./ApiRequest.js"
import { retried } from "./Retry.js"
import * as RunAttempt from "./RunAttempt.js"

const isOperationId = Schema.is(Ids.OperationId)

/** the operation that a `Location` names */
export const operationAt: ApiRequest.Named<typeof Wire.OperationCreated.Type> = (location) => {
  const uuid = ApiPath.lastOf(location)
  return isOperationId(uuid) ? { uuid } : undefined
}

/** there is no telling whether something began when the answer is lost, so only 425 and 429 repeat */
export const created = <X extends Extra, A, I>(
  wiring: ApiRequest.Wiring,
  call: Omit<ApiRequest.Call<X>, "verb" | "once" | "timeout">,
  schema: Schema.Schema<A, I>,
  named?: ApiRequest.Named<A>
): Effect.Effect<A, StatusError<X>> =>
  Effect.flatMap(RunAttempt.isObserved, (isObserved) =>
    RunAttempt.marked(
      ApiRequest.json(
        wiring,
        {
          ...call,
          verb: "POST",
          once: true,
          // who observes it keeps the time: an answer that comes too late for the caller still says what is to be ended
          timeout: isObserved ? "none" : wiring.requestTimeout
        },
        schema,
        named
      ),
      (mayGoOn) => retried(Schedule.whileInput(wiring.retry, mayGoOn), false)
    ))
