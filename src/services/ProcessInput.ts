/**
 * Writing to a process: every request is answered before the next is sent, and none is sent twice.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as StdinPieces from "../internal/StdinPieces.js"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type { Gated } from "./Machine.js"
import type { Any } from "./Process.js"

/**
 * A sandbox that is gone is a state that allows nothing.
 *
 * @internal
 */
export const asConflict = (error: Errors.GoneError): Errors.ConflictError =>
  new Errors.ConflictError({
    method: error.method,
    status: error.status,
    operationId: error.operationId,
    requestId: error.requestId,
    description: error.description
  })

/** A lost answer leaves it open whether the bytes are there; sent again, they might be there twice. */
const lost = (size: number) => (error: Errors.TransportError): Errors.TransportError =>
  error.retryable !== "unknown" ? error : new Errors.TransportError({
    method: error.method,
    retryable: "unknown",
    code: error.code,
    description: `${error.description ?? "no answer"}; ${
      size === 0 ? "stdin may have ended all the same" : `these ${size} bytes may have arrived all the same`
    }, so this was not sent again`
  })

const utf8 = new TextEncoder()

/**
 * `isOpen: false`: its stdin has ended with what it was started with.
 *
 * @internal
 */
export const make = (
  { api, gate }: Pick<Gated, "api" | "gate">,
  { isOpen, operationId, spid }: {
    readonly operationId: Ids.OperationId
    readonly spid: Ids.Spid
    readonly isOpen: boolean
  }
): Pick<Any, "stdin" | "write" | "end"> => {
  const attributes = { "contree.operation": operationId, "contree.spid": spid }
  const lock = Effect.unsafeMakeSemaphore(1)
  let hasEnded = !isOpen

  const send = (bytes: Uint8Array, close: boolean): Effect.Effect<void, Errors.WriteError> =>
    api.writeSubprocessStdin(operationId, spid, { bytes, close }).pipe(
      Effect.mapError((error) => error._tag === "GoneError" ? asConflict(error) : error),
      Effect.mapError((error) => error._tag === "TransportError" ? lost(bytes.length)(error) : error)
    )
  const refused = Effect.suspend(() =>
    new Errors.ConflictError({
      method: "Process.write",
      operationId,
      description: isOpen
        ? "its stdin was ended before: nothing was sent"
        : "its stdin ended with what it was started with, and nothing was sent: start it with { stdin: \"pipe\" }"
    })
  )
  /** all of them, with nothing of anybody else between */
  const sendAll = (values: Iterable<Uint8Array>): Effect.Effect<void, Errors.WriteError> =>
    lock.withPermits(1)(
      Effect.flatMap(gate.check("Process.write"), () =>
        hasEnded ? refused : Effect.forEach(StdinPieces.cut(values), (piece) =>
          send(piece, false), { discard: true }))
    )

  const end: Any["end"] = lock.withPermits(1)(Effect.flatMap(gate.check("Process.end"), () => {
    if (hasEnded) return Effect.void
    return Effect.tap(send(new Uint8Array(0), true), () =>
      Effect.sync(() => {
        hasEnded = true
      }))
  })).pipe(Effect.withSpan("Contree.Process.end", { attributes }))

  return {
    write: (data) =>
      Effect.withSpan(
        Effect.suspend(() => sendAll([typeof data === "string" ? utf8.encode(data) : data])),
        "Contree.Process.write",
        { attributes }
      ),
    end,
    stdin: Sink.mapEffect(Sink.forEachChunk(sendAll), () => end)
  }
}
