/**
 * `/v1/operations/{id}/events`: the event log as server-sent events. Protocol: section 4.
 *
 * @since 0.1.0
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Ending from "../run/Ending.js"
import { parseLine } from "../run/EventLines.js"
import type { EventLine } from "../run/EventLines.js"
import type { EventLogError } from "../run/EventLogError.js"
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

const framed = (lines: Chunk.Chunk<EventLine>): Uint8Array =>
  encoder.encode(Chunk.toReadonlyArray(lines).map(frame).join(""))

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

type Broken = EventLogError | StoreError

type Lines = Effect.Effect<Chunk.Chunk<EventLine>, Option.Option<Broken>>

const ended: Effect.Effect<never, Option.Option<never>> = Effect.fail(Option.none())

/** The log to its end; an operation that is over always ends with its completion. */
const linesOf = (
  engine: Engine,
  row: OperationRow,
  follow: boolean
): Effect.Effect<Lines, Broken, Scope.Scope> => {
  const known = Effect.map(engine.store.operations.get(row.id), Option.map((found) => Engines.known(engine, found)))
  const isOver = known.pipe(
    Effect.map(Option.match({ onNone: () => true, onSome: isTerminal })),
    // a locked database says nothing about the operation
    Effect.catchAll(() => Effect.succeed(false))
  )
  const idleMillis = follow ? engine.keepAliveMillis : undefined
  return Effect.map(engine.log.pull(row.id, { follow, isOver, idleMillis }), (logged) => {
    let last = -1
    let isComplete = false
    const noted = Effect.map(logged, (lines) => {
      // nothing comes after it, whoever may still hold the log open
      const at = Chunk.findFirstIndex(lines, ({ type }) => type === "completion")
      isComplete = Option.isSome(at)
      const read = Option.match(at, { onNone: () => lines, onSome: (index) => Chunk.take(lines, index + 1) })
      if (Chunk.isNonEmpty(read)) last = Chunk.lastNonEmpty(read).id
      return read
    })
    const missing: Lines = Effect.flatMap(Effect.mapError(known, Option.some), (now) => {
      const line = Option.isSome(now) && isTerminal(now.value) ? completionOf(now.value, last + 1) : undefined
      isComplete = true
      return line === undefined ? ended : Effect.succeed(Chunk.of(line))
    })
    return Effect.suspend(() =>
      isComplete
        ? ended
        : Effect.catchAll(noted, (error): Lines => Option.isSome(error) ? Effect.fail(error) : missing)
    )
  })
}

const broken = (error: Broken, store: string): Effect.Effect<Uint8Array> =>
  Effect.as(
    Effect.logWarning(`a stream of events broke: ${error.message}`),
    encoder.encode(
      ": stream ended with error, retry since last event id\n" +
        `event: sse_error\ndata: ${withoutPaths(error.message, store).replace(/[\r\n]+/g, " ")}\n\n`
    )
  )

/** What goes over the wire, for one request: made of pulls, since every operator of a stream is a machine of its own. */
const framesOf = (engine: Engine, row: OperationRow, { after, follow, spid }: Wanted): Stream.Stream<Uint8Array> => {
  const isShown = (line: EventLine): boolean =>
    line.id > after && (spid === undefined || line.spid === spid || line.type === "completion")
  return Stream.unwrapScoped(Effect.map(Effect.scope, (scope) => {
    let pull: Lines | undefined
    let isOver = false
    let sentAt = performance.now()
    const begin = linesOf(engine, row, follow).pipe(
      Scope.extend(scope),
      Effect.mapError(Option.some),
      Effect.flatMap((made) => pull = made)
    )
    const sent = (bytes: Uint8Array): Uint8Array => {
      sentAt = performance.now()
      return bytes
    }
    const next: Effect.Effect<Uint8Array, Option.Option<never>> = Effect.suspend(() =>
      isOver ? ended : Effect.matchEffect(pull ?? begin, {
        onFailure: (error) => {
          isOver = true
          return Option.isNone(error) ? ended : broken(error.value, engine.store.path)
        },
        onSuccess: (lines) => {
          const shown = Chunk.filter(lines, isShown)
          if (Chunk.isNonEmpty(shown)) return Effect.succeed(sent(framed(shown)))
          // lines that are not for this client keep no connection alive
          const isQuiet = follow && performance.now() - sentAt >= engine.keepAliveMillis
          return isQuiet ? Effect.succeed(sent(keepAlive)) : next
        }
      })
    )
    // without a first chunk the headers would wait for the first event
    let isOpen = false
    return Stream.repeatEffectOption(Effect.suspend(() => {
      if (isOpen) return next
      isOpen = true
      return Effect.succeed(keepAlive)
    }))
  }))
}

const events = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const id = yield* param("id")
    const asked = yield* wanted
    const found = yield* engine.store.operations.get(id)
    if (Option.isNone(found)) return yield* operationNotFound
    const row = Engines.known(engine, found.value)
    if (!isTerminal(row) && !(yield* engine.log.has(id))) {
      return yield* tooEarly("the operation has no events yet", 1)
    }
    if (!(yield* engine.log.has(id))) {
      return yield* notFound("the events of this operation are gone")
    }
    return Reply.stream(200, framesOf(engine, row, asked), {
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
