/**
 * What stands in for a log that is lost: events made from the operation's status for what is missing after what was read.
 * The status has the streams of a run from their beginning, so it can go on only where it begins with what was read.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Errors from "../schemas/Errors.js"
import type * as Event from "../schemas/Event.js"
import * as StreamRepr from "../schemas/StreamRepr.js"
import type { Timestamp } from "../schemas/Timestamp.js"
import type * as Wire from "../schemas/Wire.js"
import type { Who } from "./FollowErrors.js"
import * as Prefix from "./FollowPrefix.js"
import type { Name, Progress } from "./FollowProgress.js"
import type { State } from "./FollowState.js"

type InstanceOperation = Extract<Wire.Operation, { readonly kind: "instance" }>

// the schema gives every operation of this kind this shape; its third case is filtered by kind, which types cannot say
const isInstance = (operation: Wire.Operation): operation is InstanceOperation => operation.kind === "instance"

/** What the status says of a run: its streams, its exit, what it used. */
export const resultOf = (operation: Wire.Operation): Wire.InstanceResult | undefined =>
  isInstance(operation) ? operation.metadata?.result ?? undefined : undefined

const lost = (who: Who, description: string): Errors.EventStreamError =>
  new Errors.EventStreamError({ method: who.method, operationId: who.operationId, description })

const timestamp = (millis: number): Timestamp => {
  const seconds = Math.floor(millis / 1000)
  return { seconds, nanos: Math.floor(millis - seconds * 1000) * 1_000_000 }
}

const names = ["stdout", "stderr"] as const

/** none where it has none, or none that this version can read */
const bytesIn = (result: Wire.InstanceResult | undefined, name: Name): Uint8Array | undefined => {
  const repr = result?.[name]
  return repr === undefined || repr === null ? undefined : StreamRepr.toBytes(repr)
}

/**
 * Why what was read cannot be all of the output, or not its beginning (`isOver`: what the status has is all there will
 * be). A status that has less than was read, or nothing that can be read, knows no more than the log.
 */
export const objection = (progress: Progress, operation: Wire.Operation, isOver: boolean): string | undefined => {
  const result = progress.whole ? resultOf(operation) : undefined
  for (const name of names) {
    const [bytes, read] = [bytesIn(result, name), progress.read(name)]
    if (bytes === undefined || read === undefined || bytes.length < read.length) continue
    const rest = Prefix.restAfter(read, bytes)
    if (rest !== undefined && (rest.length === 0 || !isOver)) continue
    const what = rest === undefined ? "other bytes" : "more"
    return `the status has ${what} of ${name} than the log gave: a piece of it was lost on the way`
  }
  return undefined
}

/** A piece of output as the log would have it. */
const piece = (
  id: number,
  ts: Timestamp,
  name: Name,
  bytes: Uint8Array,
  truncated: boolean,
  spid: number
): Event.OperationEvent => ({ id, ts, type: name, data: { ...StreamRepr.fromBytes(bytes), truncated }, spid })

/**
 * What the status of a run that goes on has beyond what was read; it counts as read. Whatever does not go together is left
 * for the end, which judges.
 */
export const liveOutput = (
  progress: Progress,
  operation: Wire.Operation,
  nowMillis: number
): ReadonlyArray<Event.OperationEvent> => {
  const result = progress.whole ? resultOf(operation) : undefined
  const events: Array<Event.OperationEvent> = []
  for (const name of names) {
    const [bytes, read] = [bytesIn(result, name), progress.read(name)]
    const rest = bytes === undefined || read === undefined ? undefined : Prefix.restAfter(read, bytes)
    if (rest === undefined || rest.length === 0) continue
    const event = piece((progress.lastId() ?? -1) + 1, timestamp(nowMillis), name, rest, false, progress.spid)
    progress.accept(event)
    events.push(event)
  }
  return events
}

const nothing = { bytes: new Uint8Array(0), isTruncated: false }

/** What the status has of one stream after what was read; or why that cannot be said. */
const restOf = (
  { isDrained, progress }: State,
  { result, status }: { readonly result: Wire.InstanceResult | undefined; readonly status: Wire.Operation["status"] },
  name: Name
): Either.Either<{ readonly bytes: Uint8Array; readonly isTruncated: boolean }, string> => {
  const repr = result?.[name]
  const isSuccess = status === "SUCCESS"
  if (repr === undefined || repr === null) {
    return isSuccess ? Either.left(`the operation's status has no ${name} either`) : Either.right(nothing)
  }
  const [bytes, read] = [StreamRepr.toBytes(repr), progress.read(name)]
  if (bytes === undefined) return Either.left(`${name} in the status cannot be decoded`)
  if (read === undefined) return Either.left(`a piece of ${name} in it could not be read`)
  // nothing is missing in a log that was read to its end, and nobody calls the output of a failed run complete
  if (bytes.length < read.length && (isDrained || !isSuccess)) return Either.right(nothing)
  const rest = Prefix.restAfter(read, bytes)
  return rest === undefined
    ? Either.left(`what it gave of ${name} is not how ${name} in the status begins: the rest cannot be told apart`)
    : Either.right({ bytes: rest, isTruncated: repr.truncated === true })
}

/**
 * Events for all that the reader has not seen. Fails when a successful run's output is in neither: what is called complete
 * must be.
 */
export const synthesise = (
  who: Who,
  state: State,
  operation: Wire.Operation,
  nowMillis: number
): Effect.Effect<ReadonlyArray<Event.OperationEvent>, Errors.EventStreamError> =>
  Effect.suspend(() => {
    const { progress } = state
    const ts = timestamp(nowMillis)
    let id = progress.lastId() ?? -1
    const events: Array<Event.OperationEvent> = []
    if (operation.kind === "instance" && progress.whole) {
      const result = resultOf(operation)
      for (const name of names) {
        const rest = restOf(state, { result, status: operation.status }, name)
        if (Either.isLeft(rest)) return Effect.fail(lost(who, `the log is gone, and ${rest.left}`))
        const { bytes, isTruncated } = rest.right
        if (bytes.length > 0) events.push(piece(++id, ts, name, bytes, isTruncated, progress.spid))
      }
    }
    const data = {
      status: operation.status,
      duration_ms: typeof operation.duration === "number" ? Math.round(operation.duration * 1000) : 0,
      result_image_uuid: operation.result_image_uuid ?? operation.result?.image ?? null,
      error: operation.error ?? null,
      image_size_bytes: operation.image_size ?? null
    }
    events.push({ id: ++id, ts, type: "completion", data })
    return Effect.succeed(events)
  })
