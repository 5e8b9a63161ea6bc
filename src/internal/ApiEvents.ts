/** The event log of an operation from one connection: frames, each decoded once. Protocol: sections 4.1 and 4.5. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Take from "effect/Take"
import { EventStreamError } from "../schemas/Errors.js"
import * as Event from "../schemas/Event.js"
import type { OperationId } from "../schemas/Ids.js"
import { issuesOf } from "./ApiErrors.js"
import { readableText } from "./HttpText.js"
import type { Scrub } from "./HttpText.js"
import * as Sse from "./Sse.js"
import * as SseRetry from "./SseRetry.js"

const decode = Schema.decodeUnknownEither(Event.OperationEvent)

export interface Source {
  readonly method: string
  readonly operationId: OperationId
  readonly scrub: Scrub
}

/** a connection that ends early may be resumed from the last event; an event that cannot be read stays as it is */
const broken = (source: Source, what: string, retryable: boolean): EventStreamError =>
  new EventStreamError({
    method: source.method,
    operationId: source.operationId,
    description: readableText(what, source.scrub, 600),
    retryable
  })

/** fields that a server words itself: the streams are the command's own bytes, and stay as they are */
const worded = ["error", "reason"]

const withoutSecret = (event: Event.OperationEvent, scrub: Scrub): Event.OperationEvent => {
  const clean = worded.flatMap((key) => {
    const text = event.data[key]
    return typeof text === "string" ? [[key, scrub(text)] as const] : []
  })
  return clean.length === 0 ? event : { ...event, data: { ...event.data, ...Object.fromEntries(clean) } }
}

const eventOf = (frame: Sse.Frame, source: Source): Either.Either<Event.OperationEvent, EventStreamError> => {
  if (frame.event === "sse_error") {
    return Either.left(broken(source, frame.data === "" ? "the server ended it with an error" : frame.data, true))
  }
  const json = Either.try((): unknown => JSON.parse(frame.data))
  if (Either.isLeft(json)) return Either.left(broken(source, `after event ${frame.id}: an event is not JSON`, false))
  return Either.mapBoth(decode(json.right), {
    onLeft: (error) => broken(source, `event ${frame.id} cannot be read: ${issuesOf(error)}`, false),
    onRight: (event) => withoutSecret(event, source.scrub)
  })
}

type EventTake = Take.Take<Event.OperationEvent, EventStreamError>

/** the events before a broken one are handed out before it fails */
const takesOf = (frames: Chunk.Chunk<Sse.Frame>, source: Source): Chunk.Chunk<EventTake> => {
  const events: Array<Event.OperationEvent> = []
  for (const frame of frames) {
    const event = eventOf(frame, source)
    if (Either.isLeft(event)) {
      const failed: EventTake = Take.fail(event.left)
      return Chunk.make<[EventTake, EventTake]>(Take.chunk(Chunk.unsafeFromArray(events)), failed)
    }
    events.push(event.right)
  }
  return events.length === 0 ? Chunk.empty() : Chunk.of<EventTake>(Take.chunk(Chunk.unsafeFromArray(events)))
}

export const events = <E>(
  bytes: Stream.Stream<Uint8Array, E>,
  source: Source
): Stream.Stream<Event.OperationEvent, E | EventStreamError> =>
  Stream.unwrap(Effect.map(SseRetry.observer, (tell) => Sse.frames(bytes, Sse.maxFrameBytes, tell))).pipe(
    Stream.mapError((error: E | Sse.FrameTooLarge): E | EventStreamError =>
      error instanceof Sse.FrameTooLarge
        ? broken(source, `one event is longer than ${error.limit} bytes`, false)
        : error
    ),
    Stream.mapChunks((frames) => takesOf(frames, source)),
    Stream.flattenTake
  )
