/**
 * `/v1/operations/{id}/events`: the event log as server-sent events. Protocol: section 4.
 *
 * @since 0.1.0
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Ending from "../run/Ending.js"
import { parseLine } from "../run/EventLines.js"
import type { EventLine } from "../run/EventLines.js"
import type { EventLogError } from "../run/EventLog.js"
import * as Moment from "../run/Moment.js"
import { badRequest, notFound, tooEarly } from "../run/Refusal.js"
import type { Refusal } from "../run/Refusal.js"
import * as RunEvents from "../run/RunEvents.js"
import type { OperationRow } from "../store/OperationStore.js"
import type { StoreError } from "../store/StoreError.js"
import { withoutPaths } from "../store/StoreError.js"
import * as Engines from "./Engine.js"
import type { Engine } from "./Engine.js"
import { operationNotFound } from "./OperationRoutes.js"
import * as Query from "./Query.js"
import * as Reply from "./Reply.js"
import { param, route } from "./Route.js"
import type { Answer, Route } from "./Route.js"

const encoder = new TextEncoder()

const keepAlive = encoder.encode(": keepalive\n\n")

const frame = (line: EventLine): string => `id: ${line.id}\nevent: ${line.type}\ndata: ${line.json}\n\n`

const frames = (lines: Chunk.Chunk<EventLine>): Chunk.Chunk<Uint8Array> =>
  Chunk.isEmpty(lines)
    ? Chunk.empty()
    : Chunk.of(encoder.encode(Chunk.toReadonlyArray(lines).map(frame).join("")))

interface Wanted {
  readonly follow: boolean
  readonly spid: number | undefined
  /** the last id that the client has */
  readonly after: number
}

const wanted: Effect.Effect<Wanted, Refusal, HttpServerRequest.HttpServerRequest> = Effect.gen(function*() {
  const query = yield* Query.parameters
  const request = yield* HttpServerRequest.HttpServerRequest
  const max = Number.MAX_SAFE_INTEGER
  const since = yield* Query.integer(query, "since", { min: -1, max })
  const last = request.headers["last-event-id"]
  if (last !== undefined && !/^(-1|\d{1,15})$/.test(last)) {
    return yield* badRequest("Last-Event-Id must be an event's id")
  }
  return {
    follow: yield* Query.flag(query, "follow"),
    spid: yield* Query.integer(query, "spid", { min: 0, max }),
    after: last === undefined ? since ?? -1 : Number(last)
  }
})

const isTerminal = (row: OperationRow): boolean => !Ending.active.includes(row.status)

/** When it ended, as far as its row knows. */
const endOf = (row: OperationRow): string =>
  Moment.fromNanos(
    BigInt(row.createdAt.seconds) * 1_000_000_000n + BigInt(row.createdAt.nanos) +
      BigInt(Math.max(0, Math.round((row.duration ?? 0) * 1e9)))
  )

/** The last event of an operation whose engine died before it could write it down. */
const completionOf = (row: OperationRow, id: number): EventLine | undefined =>
  parseLine(JSON.stringify({
    id,
    // of the row: the same event each time it is read
    ts: endOf(row),
    type: "completion",
    spid: 0,
    data: RunEvents.completion({
      status: row.status,
      durationMs: (row.duration ?? 0) * 1000,
      resultImageId: row.resultImageId,
      error: row.error,
      imageSize: row.imageSize
    })
  }))

/** The log to its end; an operation that is over always ends with its completion. */
const linesOf = (
  engine: Engine,
  row: OperationRow,
  follow: boolean
): Stream.Stream<EventLine, EventLogError | StoreError> => {
  const read = Effect.map(engine.store.operations.get(row.id), Option.map((known) => Engines.known(engine, known)))
  const isOver = read.pipe(
    Effect.map(Option.match({ onNone: () => true, onSome: isTerminal })),
    // a locked database says nothing about the operation
    Effect.catchAll(() => Effect.succeed(false))
  )
  return Stream.suspend(() => {
    let last = -1
    let complete = false
    const logged = engine.log.read(row.id, { follow, isOver }).pipe(
      Stream.mapChunks((lines) => {
        for (const line of lines) {
          last = line.id
          complete = complete || line.type === "completion"
        }
        return lines
      }),
      // nothing comes after it, whoever may still hold the log open
      Stream.takeUntil((line) => line.type === "completion")
    )
    const missing = Stream.unwrap(Effect.suspend(() => {
      if (complete) return Effect.succeed(Stream.empty)
      return Effect.map(read, (now) => {
        if (Option.isNone(now) || !isTerminal(now.value)) return Stream.empty
        return Stream.fromIterable([completionOf(now.value, last + 1)].filter((line) => line !== undefined))
      })
    }))
    return Stream.concat(logged, missing)
  })
}

const broken = (error: EventLogError | StoreError): Stream.Stream<Uint8Array> =>
  Stream.unwrap(Effect.as(
    Effect.logWarning(`a stream of events broke: ${error.message}`),
    Stream.make(encoder.encode(
      ": stream ended with error, retry since last event id\n" +
        `event: sse_error\ndata: ${withoutPaths(error.message).replace(/[\r\n]+/g, " ")}\n\n`
    ))
  ))

// Without a first chunk the headers would wait for the first event.
const opening = Stream.make(keepAlive)
const ticks = (millis: number): Stream.Stream<Uint8Array> =>
  Stream.as(Stream.fromSchedule(Schedule.spaced(millis)), keepAlive)

const events = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const id = yield* param("id")
    const { after, follow, spid } = yield* wanted
    const found = yield* engine.store.operations.get(id)
    if (Option.isNone(found)) return yield* operationNotFound
    const row = Engines.known(engine, found.value)
    if (!isTerminal(row) && !(yield* engine.log.has(id))) {
      return yield* tooEarly("the operation has no events yet", 1)
    }
    if (!(yield* engine.log.has(id))) {
      return yield* notFound("the events of this operation are gone")
    }
    const body = linesOf(engine, row, follow).pipe(
      Stream.filter((line) =>
        line.id > after && (spid === undefined || line.spid === spid || line.type === "completion")
      ),
      Stream.mapChunks(frames),
      Stream.catchAll(broken),
      (frames) => follow ? Stream.merge(frames, ticks(engine.keepAliveMillis), { haltStrategy: "left" }) : frames
    )
    return yield* Reply.stream(200, Stream.concat(opening, body), {
      contentType: "text/event-stream",
      headers: { "cache-control": "no-cache" }
    })
  })

/**
 * @since 0.1.0
 * @category routes
 */
export const make = (engine: Engine): ReadonlyArray<Route> => [
  route("GET", "/v1/operations/:id/events", events(engine))
]
