/**
 * What stands in for a log that is lost: how far the reader has come, and events made from the operation's status for
 * what is missing after that.
 */
import * as Effect from "effect/Effect"
import * as Errors from "../schemas/Errors.js"
import type * as Event from "../schemas/Event.js"
import type * as Ids from "../schemas/Ids.js"
import * as StreamRepr from "../schemas/StreamRepr.js"
import type { Timestamp } from "../schemas/Timestamp.js"
import type * as Wire from "../schemas/Wire.js"

type Name = "stdout" | "stderr"

/** How far one reader of a log has come. */
export interface Progress {
  readonly lastId: () => number | undefined
  /** Is it new? Then it counts as read. */
  readonly accept: (event: Event.OperationEvent) => boolean
  /** bytes of the process that were read; none when a piece could not be: then nobody knows how many there were */
  readonly read: (stream: Name) => number | undefined
  /** read from the beginning: the byte counts are of the whole log */
  readonly whole: boolean
  /** the process whose output it is */
  readonly spid: number
}

/** The bytes of a piece of output; none for what is no piece, or in an encoding that this version does not know. */
export const bytesOf = ({ encoding, value }: Event.OperationEvent["data"]): Uint8Array | undefined =>
  typeof value === "string" && (encoding === undefined || encoding === null || typeof encoding === "string")
    ? StreamRepr.toBytes({ value, encoding })
    : undefined

/** the bytes of a piece, without decoding base64 */
const sizeOf = (data: Event.OperationEvent["data"]): number | undefined => {
  const { encoding, value } = data
  if (typeof value !== "string" || encoding !== "base64") return bytesOf(data)?.length
  const padding = value.endsWith("==") ? 2 : value.endsWith("=") ? 1 : 0
  return Math.floor(value.length / 4) * 3 - padding
}

export const makeProgress = (after: number | undefined, spid = 1): Progress => {
  let lastId = after === undefined || after < 0 ? undefined : after
  const read: Record<Name, number | undefined> = { stdout: 0, stderr: 0 }
  return {
    lastId: () => lastId,
    accept: (event) => {
      if (lastId !== undefined && event.id <= lastId) return false
      lastId = event.id
      if (event.spid === spid && (event.type === "stdout" || event.type === "stderr")) {
        const [before, size] = [read[event.type], sizeOf(event.data)]
        read[event.type] = before === undefined || size === undefined ? undefined : before + size
      }
      return true
    },
    read: (stream) => read[stream],
    whole: lastId === undefined,
    spid
  }
}

type InstanceOperation = Extract<Wire.Operation, { readonly kind: "instance" }>

// the schema gives every operation of this kind this shape; its third case is filtered by kind, which types cannot say
const isInstance = (operation: Wire.Operation): operation is InstanceOperation => operation.kind === "instance"

/** What the status says of a run: its streams, its exit, what it used. */
export const resultOf = (operation: Wire.Operation): Wire.InstanceResult | undefined =>
  isInstance(operation) ? operation.metadata?.result ?? undefined : undefined

const lost = (
  source: { readonly method: string; readonly operationId: Ids.OperationId },
  description: string
): Errors.EventStreamError =>
  new Errors.EventStreamError({ method: source.method, operationId: source.operationId, description })

const timestamp = (millis: number): Timestamp => {
  const seconds = Math.floor(millis / 1000)
  return { seconds, nanos: Math.floor(millis - seconds * 1000) * 1_000_000 }
}

const names = ["stdout", "stderr"] as const

/** The stream of which the status has more than was read. */
export const missing = (progress: Progress, operation: Wire.Operation): Name | undefined => {
  const result = progress.whole ? resultOf(operation) : undefined
  return names.find((name) => {
    const [repr, read] = [result?.[name], progress.read(name)]
    return repr !== undefined && repr !== null && read !== undefined && (sizeOf({ ...repr }) ?? 0) > read
  })
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
 * What the status of a run that goes on has beyond what was read; it counts as read. Whatever cannot be read in it is
 * left for the end, which judges.
 */
export const liveOutput = (
  progress: Progress,
  operation: Wire.Operation,
  nowMillis: number
): ReadonlyArray<Event.OperationEvent> => {
  const result = progress.whole ? resultOf(operation) : undefined
  const events: Array<Event.OperationEvent> = []
  for (const name of names) {
    const [repr, read] = [result?.[name], progress.read(name)]
    const bytes = repr === undefined || repr === null ? undefined : StreamRepr.toBytes(repr)
    if (bytes === undefined || read === undefined || bytes.length <= read) continue
    const event = piece(
      (progress.lastId() ?? -1) + 1,
      timestamp(nowMillis),
      name,
      bytes.subarray(read),
      false,
      progress.spid
    )
    progress.accept(event)
    events.push(event)
  }
  return events
}

/**
 * Events for all that the reader has not seen. The status has the streams of a run whole, so what was read is skipped by
 * count. Fails when a successful run's output is in neither: what is called complete must be.
 */
export const synthesise = (
  source: { readonly method: string; readonly operationId: Ids.OperationId },
  progress: Progress,
  operation: Wire.Operation,
  nowMillis: number
): Effect.Effect<ReadonlyArray<Event.OperationEvent>, Errors.EventStreamError> =>
  Effect.suspend(() => {
    const ts = timestamp(nowMillis)
    let id = progress.lastId() ?? -1
    const events: Array<Event.OperationEvent> = []
    if (operation.kind === "instance" && progress.whole) {
      const result = resultOf(operation)
      if (result === undefined && operation.status === "SUCCESS") {
        return Effect.fail(lost(source, "the log is gone, and the operation's status has no output either"))
      }
      for (const name of names) {
        const repr = result?.[name]
        if (repr === undefined || repr === null) {
          if (operation.status !== "SUCCESS") continue
          return Effect.fail(lost(source, `the log is gone, and the operation's status has no ${name} either`))
        }
        const bytes = StreamRepr.toBytes(repr)
        if (bytes === undefined) {
          return Effect.fail(lost(source, `the log is gone, and ${name} in the status cannot be decoded`))
        }
        const read = progress.read(name)
        if (read === undefined) {
          return Effect.fail(lost(source, `the log is gone, and a piece of ${name} in it could not be read`))
        }
        const rest = bytes.subarray(read)
        if (rest.length > 0) events.push(piece(++id, ts, name, rest, repr.truncated === true, progress.spid))
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
