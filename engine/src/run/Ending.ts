/**
 * How the end of an operation is written down: until it is, whatever the disk does. Protocol: sections 3.8 and 4.
 *
 * @since 0.1.0
 */
import type { OperationId } from "effect-contree/Ids"
import * as Effect from "effect/Effect"
import type { OperationFields, OperationRow } from "../store/OperationStore.js"
import type { Store } from "../store/Store.js"
import type { StoreError } from "../store/StoreError.js"
import type { Writer } from "./EventLog.js"
import * as RunEvents from "./RunEvents.js"

/** The states that an operation can still leave. */
export const active: ReadonlyArray<string> = ["PENDING", "ASSIGNED", "EXECUTING"]

/**
 * An operation that is going to end.
 *
 * @since 0.1.0
 * @category models
 */
export interface Operation {
  readonly operationId: OperationId
  readonly writer: Writer
  /** Ends the log for its followers; nothing can be written to it afterwards. */
  readonly endLog: Effect.Effect<void>
  /** Makes room for another operation; a second time nothing happens. */
  readonly leave: Effect.Effect<void>
  /** How it ended, while the store cannot take that down (a full disk): what is asked about it is answered from here. */
  unwritten: Unwritten | undefined
}

/**
 * What the row of an operation will say as soon as it can be written.
 *
 * @since 0.1.0
 * @category models
 */
export interface Unwritten {
  readonly status: End["status"]
  readonly fields: OperationFields
}

/**
 * @since 0.1.0
 * @category models
 */
export interface End {
  readonly status: "SUCCESS" | "FAILED" | "CANCELLED"
  readonly error: string | null
  readonly resultImageId: string | null
  readonly imageSize: number | null
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Machine {
  readonly store: Store
  /** Waits so long, or until the engine closes: then `false`. */
  readonly pause: (millis: number) => Effect.Effect<boolean>
}

/**
 * Appends an event. A log that cannot be written (a full disk) must not keep the outcome from being known.
 *
 * @since 0.1.0
 * @category writing
 */
export const tell = (
  { writer }: Pick<Operation, "writer">,
  type: string,
  data: Record<string, unknown>
): Effect.Effect<void> =>
  writer.append(type, 0, data).pipe(
    Effect.catchAll((error) => Effect.logWarning(`could not log the ${type} event: ${error.message}`))
  )

/**
 * The last event. Whoever reads it may begin the next operation at once, so the place is free before.
 *
 * @since 0.1.0
 * @category writing
 */
export const complete = (
  operation: Operation,
  end: Parameters<typeof RunEvents.completion>[0]
): Effect.Effect<void> => Effect.zipRight(operation.leave, tell(operation, "completion", RunEvents.completion(end)))

const firstPauseMillis = 50
const longestPauseMillis = 2_000
// these many tries may be a lock that is held for a moment; from then on it is told
const quietTries = 3
// after the engine began to close
const lastTries = 3

/**
 * Writes an end without an image, as often as it takes.
 *
 * @since 0.1.0
 * @category writing
 */
export const close = (
  { pause, store }: Machine,
  operation: Operation,
  status: End["status"],
  error: string | null,
  fields: OperationFields
): Effect.Effect<End> => {
  const { operationId } = operation
  const end: End = { status, error, resultImageId: null, imageSize: null }
  const written: OperationFields = { ...fields, error, result: JSON.stringify({ image: null, tag: null }) }
  const write = store.operations.transition(operationId, active, status, written)
  return Effect.gen(function*() {
    let wait = firstPauseMillis
    for (let tries = 1, left = lastTries; left > 0; tries += 1) {
      const failure = yield* Effect.match(write, { onSuccess: () => undefined, onFailure: (cause) => cause })
      if (failure === undefined) return end
      if (tries === quietTries) yield* tellUnwritten(operation, { status, fields: written }, failure)
      if (!(yield* pause(wait))) left -= 1
      wait = Math.min(longestPauseMillis, wait * 2)
    }
    // the next start of an engine finds its owner gone
    yield* Effect.logError(`operation ${operationId} ended ${status}, but the store could not take that down`)
    return end
  })
}

/** Whoever asks or follows must not wait until somebody clears the disk. */
const tellUnwritten = (operation: Operation, unwritten: Unwritten, cause: StoreError): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { fields, status } = unwritten
    yield* Effect.logWarning(`the end of operation ${operation.operationId} is not written yet: ${cause.message}`)
    operation.unwritten = unwritten
    const durationMs = (fields.duration ?? 0) * 1000
    yield* complete(operation, { status, durationMs, error: fields.error })
    yield* operation.endLog
  })

/**
 * A row as it is known here: an operation that ended while the store could not take that down has ended all the same.
 *
 * @since 0.1.0
 * @category conversions
 */
export const known = (row: OperationRow, unwritten: Unwritten | undefined): OperationRow => {
  if (unwritten === undefined || !active.includes(row.status)) return row
  const { consumedCpu, consumedMemory, duration, error, result } = unwritten.fields
  return {
    ...row,
    status: unwritten.status,
    error: error ?? null,
    duration: duration ?? null,
    consumedCpu: consumedCpu ?? null,
    consumedMemory: consumedMemory ?? null,
    result: result ?? null
  }
}
