/** Asking for the end of an operation, and what a refusal means. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type * as Wire from "../schemas/Wire.js"
import { isTerminal } from "../schemas/Wire.js"
import * as Insistence from "./Insistence.js"

/** what of a connection it needs */
export interface Api {
  readonly cancelOperation: (id: Ids.OperationId) => Effect.Effect<void, Errors.CancelError>
  readonly getOperation: (id: Ids.OperationId) => Effect.Effect<Wire.Operation, Errors.LookupError>
}

/** An end that is on its way (of a cancellation whose answer was lost, say) is given so long to be seen. */
const pauses = ["200 millis", "500 millis", "1 second", "2 seconds"] as const

const with409 = (refused: Errors.ConflictError, what: string): Errors.ConflictError =>
  new Errors.ConflictError({
    method: refused.method,
    status: refused.status,
    operationId: refused.operationId,
    requestId: refused.requestId,
    description: refused.description === undefined ? what : `${refused.description}; ${what}`
  })

/** Where it has ended: was it cancelled? Else why it may go on. */
const judged = (
  api: Api,
  id: Ids.OperationId,
  refused: Errors.ConflictError
): Effect.Effect<boolean, Errors.ConflictError> => {
  const look = (at: number): Effect.Effect<boolean, Errors.ConflictError> =>
    Effect.matchEffect(api.getOperation(id), {
      onFailure: (error) =>
        error._tag === "NotFoundError"
          ? Effect.succeed(false)
          : Effect.fail(with409(refused, `whether it goes on could not be read: ${error.message}`)),
      onSuccess: ({ status }) => {
        if (isTerminal(status)) return Effect.succeed(status === "CANCELLED")
        const pause = pauses[at]
        return pause === undefined
          ? Effect.fail(with409(
            refused,
            `it goes on (${status ?? "no status"}) and the server refuses to end it` +
              " (as an engine does for what another engine on its store runs)"
          ))
          : Effect.delay(look(at + 1), pause)
      }
    })
  return look(0)
}

/**
 * Cancels, insistingly. `Some`: it had ended already, as the server's 409 says and its status too; unless that 409 came
 * of asking again for what our own first request had done. A 409 for what goes on all the same is a `ConflictError` that
 * says so.
 */
export const attempt = (
  api: Api,
  id: Ids.OperationId
): Effect.Effect<Option.Option<Errors.ConflictError>, Errors.CancelError> =>
  Effect.suspend(() => {
    const sent: Insistence.Sent = { count: 0 }
    return Insistence.insisting(api.cancelOperation(id), sent).pipe(
      Effect.as(Option.none<Errors.ConflictError>()),
      Effect.catchTag("ConflictError", (refused) =>
        Effect.map(
          judged(api, id, refused),
          (wasCancelled) => wasCancelled && sent.count > 1 ? Option.none() : Option.some(refused)
        ))
    )
  })
