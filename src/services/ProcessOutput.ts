/**
 * From the log of an operation to what one of its processes wrote.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { bytesOf } from "../internal/FollowProgress.js"
import * as Pull from "../internal/Pull.js"
import * as Errors from "../schemas/Errors.js"
import * as Event from "../schemas/Event.js"
import type * as Ids from "../schemas/Ids.js"
import * as Timestamp from "../schemas/Timestamp.js"
import type * as Wire from "../schemas/Wire.js"
import * as Output from "./Output.js"

/**
 * @internal
 */
export type Name = "stdout" | "stderr"

/**
 * A piece of output, or that the server cut a stream.
 *
 * @internal
 */
export type Item =
  | { readonly _tag: "Piece"; readonly stream: Name; readonly bytes: Uint8Array; readonly event: Event.OperationEvent }
  | { readonly _tag: "Cut"; readonly stream: Name; readonly emitted: number; readonly dropped: number }

/**
 * @internal
 */
export type Items = (wanted: (stream: Name) => boolean) => Pull.Pulled<Item, Errors.FollowError>

/**
 * Whose output it is.
 *
 * @internal
 */
export interface Writer {
  readonly method: string
  readonly operationId: Ids.OperationId
  readonly spid: number
}

/** A payload that is no piece of output is a hole in it. */
const pieceOf = (stream: Name, event: Event.OperationEvent): Item | undefined => {
  const bytes = bytesOf(event.data)
  return bytes === undefined ? undefined : { _tag: "Piece", stream, bytes, event }
}

const cutOf = (event: Event.OperationEvent): Item | undefined => {
  const read = Event.fromEnvelope(event)
  return read._tag === "truncated"
    ? { _tag: "Cut", stream: read.data.stream, emitted: read.data.bytes_emitted, dropped: read.data.bytes_dropped }
    : undefined
}

/**
 * What a process wrote, piece by piece.
 *
 * @internal
 */
export const makeItems =
  ({ method, operationId, spid }: Writer, log: Pull.Pulled<Event.OperationEvent, Errors.FollowError>): Items =>
  (wanted) => {
    const broken = (stream: Name): Errors.EventStreamError =>
      new Errors.EventStreamError({ method, operationId, description: `a piece of ${stream} could not be read` })
    return Effect.map(log, (events) => {
      let hole: Name | undefined
      const read = (chunk: Chunk.Chunk<Event.OperationEvent>): Chunk.Chunk<Item> => {
        const out: Array<Item> = []
        for (const event of chunk) {
          if (event.spid !== spid || hole !== undefined) continue
          if (event.type === "truncated") {
            const cut = cutOf(event)
            if (cut !== undefined && wanted(cut.stream)) out.push(cut)
          } else if ((event.type === "stdout" || event.type === "stderr") && wanted(event.type)) {
            const piece = pieceOf(event.type, event)
            if (piece === undefined) hole = event.type
            else out.push(piece)
          }
        }
        return Chunk.unsafeFromArray(out)
      }
      // what came before a hole is still given; then it fails, and does not wait for the run's end
      const unbroken = Effect.suspend(() => hole === undefined ? Effect.void : Effect.fail(broken(hole)))
      return Pull.concluded(
        Effect.zipRight(Effect.mapError(unbroken, Option.some), Effect.map(events, read)),
        unbroken
      )
    })
  }

/**
 * The pieces as programs see them, complete or failed. `result` waits for the end, and has what the status says of the
 * streams: that one was cut may stand there alone.
 *
 * @internal
 */
export const makeOutput = (
  { method, operationId }: Writer,
  items: Items,
  result: Effect.Effect<Wire.InstanceResult | undefined, Errors.WaitError>
) =>
(wanted: (stream: Name) => boolean): Stream.Stream<Output.Output, Errors.OutputError> =>
  Stream.suspend(() => {
    const pieces = Output.makePieces()
    const cuts = new Map<Name, { readonly emitted: number; readonly dropped: number }>()
    const read: Record<Name, number> = { stdout: 0, stderr: 0 }
    const toOutput = (chunk: Chunk.Chunk<Item>): Chunk.Chunk<Output.Output> => {
      const out: Array<Output.Output> = []
      for (const item of chunk) {
        if (item._tag === "Cut") {
          cuts.set(item.stream, item)
          continue
        }
        read[item.stream] += item.bytes.length
        const tag = item.stream === "stdout" ? "Stdout" : "Stderr"
        if (item.bytes.length > 0) out.push(pieces(tag, item.bytes, Timestamp.toDateTime(item.event.ts)))
      }
      return Chunk.unsafeFromArray(out)
    }
    const conclude = Effect.flatMap(result, (status) => {
      for (const stream of ["stdout", "stderr"] as const) {
        if (!wanted(stream)) continue
        const cut = cuts.get(stream)
        if (cut === undefined && status?.[stream]?.truncated !== true) continue
        return Effect.fail(
          new Errors.OutputTruncatedError({
            method,
            operationId,
            stream,
            bytesEmitted: cut?.emitted ?? read[stream],
            bytesDropped: cut?.dropped ?? 0,
            ...(cut === undefined ? { description: "how much was dropped, the server does not say" } : {})
          })
        )
      }
      return Effect.void
    })
    return Pull.toStream(Effect.map(items(wanted), (pull) => Pull.concluded(Effect.map(pull, toOutput), conclude)))
  })
