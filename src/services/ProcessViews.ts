/**
 * Reading a run: every view is its own replay of the operation's log, and what the log ends with is checked against the
 * operation itself, which is asked once.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Follow from "../internal/Follow.js"
import { bytesOf, resultOf } from "../internal/FollowSynthesis.js"
import type { Lifecycle } from "../internal/ProcessLifecycle.js"
import * as Errors from "../schemas/Errors.js"
import * as Event from "../schemas/Event.js"
import * as ExitStatus from "../schemas/ExitStatus.js"
import type * as Ids from "../schemas/Ids.js"
import * as Timestamp from "../schemas/Timestamp.js"
import * as Wire from "../schemas/Wire.js"
import type * as ContreeApi from "./ContreeApi.js"
import * as Output from "./Output.js"

type Name = "stdout" | "stderr"

/**
 * Where the log of an operation is.
 *
 * @internal
 */
export const source = (api: ContreeApi.Service, method: string, operationId: Ids.OperationId): Follow.Source => ({
  operationId,
  method,
  events: (query) => api.operationEvents(operationId, query),
  operation: api.getOperation(operationId),
  inflight: api.getOperation(operationId, { inflight: true })
})

/**
 * The operation once it has ended, and how its command did.
 *
 * @internal
 */
export interface Ending {
  readonly operation: Wire.Operation
  readonly exit: ExitStatus.ExitStatus
  /** the exit event of the log, where it was seen */
  readonly event: Event.Payload<"exit"> | undefined
}

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
export interface Views {
  readonly operationId: Ids.OperationId
  /** the whole log */
  readonly events: Stream.Stream<Event.OperationEvent, Errors.FollowError>
  /** what the main command wrote */
  readonly items: (wanted: (stream: Name) => boolean) => Stream.Stream<Item, Errors.FollowError>
  /** Waits for the end, if it is not known. Fails when the run failed or was cancelled. */
  readonly ending: Effect.Effect<Ending, Errors.WaitError>
  /** complete, or failed */
  readonly output: (wanted: (stream: Name) => boolean) => Stream.Stream<Output.Output, Errors.OutputError>
}

const settleTries = 10
const settlePause = Duration.seconds(1)

/** The log may be ahead of the status by a moment. */
const settled = (
  method: string,
  operationId: Ids.OperationId,
  get: Effect.Effect<Wire.Operation, Errors.LookupError>
): Effect.Effect<Wire.Operation, Errors.FollowError> => {
  const ask = (left: number): Effect.Effect<Wire.Operation, Errors.FollowError> =>
    Effect.flatMap(get, (operation) => {
      if (Wire.isTerminal(operation.status)) return Effect.succeed(operation)
      return left > 0
        ? Effect.zipRight(Effect.sleep(settlePause), ask(left - 1))
        : Effect.fail(
          new Errors.EventStreamError({
            method,
            operationId,
            description: `the log has ended, and the status is ${operation.status ?? "not given"} all the same`
          })
        )
    })
  return ask(settleTries)
}

/** What an operation that did not succeed fails with. */
const checkStatus = (
  method: string,
  operation: Wire.Operation
): Effect.Effect<void, Errors.FailedOperationError | Errors.CancelledOperationError> => {
  const common = {
    method,
    operationId: operation.uuid,
    ...(operation.error === undefined || operation.error === null ? {} : { description: operation.error })
  }
  switch (operation.status) {
    case "FAILED":
      return Effect.fail(new Errors.FailedOperationError(common))
    case "CANCELLED":
      return Effect.fail(new Errors.CancelledOperationError(common))
    default:
      return Effect.void
  }
}

const exitOf = (operation: Wire.Operation, event: Event.Payload<"exit"> | undefined): ExitStatus.ExitStatus => {
  const state = resultOf(operation)?.state
  const exit = ExitStatus.fromWire({ code: state?.exit_code, signal: state?.signal, timedOut: state?.timed_out })
  return exit._tag !== "Unknown" || event === undefined
    ? exit
    : ExitStatus.fromWire({ code: event.code, signal: event.signal, timedOut: event.timed_out })
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
 * @internal
 */
export const make = (options: {
  readonly api: ContreeApi.Service
  readonly method: string
  readonly lifecycle: Lifecycle
}): Views => {
  const { api, lifecycle, method } = options
  const { operationId } = lifecycle
  const from = source(api, method, operationId)
  // Shared by the views, and the same whichever of them comes first.
  let exitEvent: Event.Payload<"exit"> | undefined
  let ended: Wire.Operation | undefined
  let isOver = false
  const lock = Effect.unsafeMakeSemaphore(1)

  const noteExit = (event: Event.OperationEvent): void => {
    if (exitEvent !== undefined || event.type !== "exit" || event.spid !== 1) return
    const read = Event.fromEnvelope(event)
    if (read._tag === "exit") exitEvent = read.data
  }
  const events = Follow.follow(from).pipe(
    Stream.mapChunks(Chunk.map((event) => {
      noteExit(event)
      return event
    })),
    Stream.concat(Stream.execute(Effect.suspend(() => {
      isOver = true
      return lifecycle.ended
    })))
  )

  const operation: Effect.Effect<Wire.Operation, Errors.FollowError> = lock.withPermits(1)(
    Effect.suspend(() =>
      ended !== undefined
        ? Effect.succeed(ended)
        : Effect.map(settled(method, operationId, from.operation), (found) => ended = found)
    )
  )
  const ending: Views["ending"] = Effect.suspend(() => isOver ? Effect.void : Stream.runDrain(events)).pipe(
    Effect.zipRight(operation),
    Effect.tap((found) => checkStatus(method, found)),
    Effect.map((found) => ({ operation: found, exit: exitOf(found, exitEvent), event: exitEvent }))
  )

  const broken = (stream: Name): Errors.EventStreamError =>
    new Errors.EventStreamError({ method, operationId, description: `a piece of ${stream} could not be read` })

  const items: Views["items"] = (wanted) =>
    Stream.suspend(() => {
      let hole: Name | undefined
      const read = (chunk: Chunk.Chunk<Event.OperationEvent>): Chunk.Chunk<Item> => {
        const out: Array<Item> = []
        for (const event of chunk) {
          if (event.spid !== 1 || hole !== undefined) continue
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
      return events.pipe(
        // what came before a hole is still given; then it fails, and does not wait for the run's end
        Stream.mapChunksEffect((chunk) => hole === undefined ? Effect.succeed(read(chunk)) : Effect.fail(broken(hole))),
        Stream.concat(
          Stream.execute(Effect.suspend(() => hole === undefined ? Effect.void : Effect.fail(broken(hole))))
        )
      )
    })

  const output: Views["output"] = (wanted) =>
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
      const conclude = Effect.flatMap(ending, ({ operation }) => {
        const result = resultOf(operation)
        for (const stream of ["stdout", "stderr"] as const) {
          if (!wanted(stream)) continue
          const cut = cuts.get(stream)
          if (cut === undefined && result?.[stream]?.truncated !== true) continue
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
      return Stream.concat(Stream.mapChunks(items(wanted), toOutput), Stream.execute(conclude))
    })

  return { operationId, events, items, ending, output }
}
