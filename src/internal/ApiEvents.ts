/** The event log of an operation from one connection: frames, each decoded once. Protocol: sections 4.1 and 4.5. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { EventStreamError } from "../schemas/Errors.js"
import type * as Event from "../schemas/Event.js"
import type { OperationId } from "../schemas/Ids.js"
import { issuesOf } from "./ApiErrors.js"
import { decode } from "./EventEnvelope.js"
import { readableText } from "./HttpText.js"
import type { Scrub } from "./HttpText.js"
import type { Pull, Pulled } from "./Pull.js"
import * as Sse from "./Sse.js"
import * as SseRetry from "./SseRetry.js"

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

/** Cleans the fields that a server words itself: the streams are the command's own bytes, and stay as they are. */
const withoutSecret = (event: Event.OperationEvent, scrub: Scrub): Event.OperationEvent => {
  const { error, reason } = event.data
  if (typeof error !== "string" && typeof reason !== "string") return event
  const clean = {
    ...(typeof error === "string" ? { error: scrub(error) } : {}),
    ...(typeof reason === "string" ? { reason: scrub(reason) } : {})
  }
  return { ...event, data: { ...event.data, ...clean } }
}

/** no JSON is undefined */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** what came in a frame, or why it cannot be read */
const eventOf = (frame: Sse.Frame, source: Source): Event.OperationEvent | EventStreamError => {
  if (frame.event === "sse_error") {
    return broken(source, frame.data === "" ? "the server ended it with an error" : frame.data, true)
  }
  const json = parsed(frame.data)
  if (json === undefined) return broken(source, `after event ${frame.id}: an event is not JSON`, false)
  const event = decode(json)
  return Either.isRight(event)
    ? withoutSecret(event.right, source.scrub)
    : broken(source, `event ${frame.id} cannot be read: ${issuesOf(event.left)}`, false)
}

/** what one connection has said so far */
interface Read {
  readonly decoder: Sse.Decoder
  /** why no more can be read; what came before it is handed out first */
  broken?: EventStreamError
}

const tooLong = (source: Source): EventStreamError =>
  broken(source, `one event is longer than ${Sse.maxFrameBytes} bytes`, false)

const eventsOf = (chunk: Chunk.Chunk<Uint8Array>, read: Read, source: Source): Array<Event.OperationEvent> => {
  const events: Array<Event.OperationEvent> = []
  const frames: Array<Sse.Frame> = []
  // What is too long comes after the frames that are whole.
  const pushed = Either.try(() => {
    for (const bytes of chunk) read.decoder.push(bytes, frames)
  })
  for (const frame of frames) {
    const event = eventOf(frame, source)
    if (event instanceof EventStreamError) {
      read.broken = event
      return events
    }
    events.push(event)
  }
  if (Either.isLeft(pushed)) read.broken = tooLong(source)
  return events
}

/** tells when the server says how long to wait before the next connection, each time it says something else */
const telling = (read: Read, tell: ((millis: number) => void) | undefined): () => void => {
  let told: number | undefined
  return () => {
    const { retryMillis } = read.decoder
    if (retryMillis === undefined || retryMillis === told) return
    told = retryMillis
    tell?.(retryMillis)
  }
}

const decoded = <E>(
  bytes: Pull<Uint8Array, E>,
  source: Source,
  tell: ((millis: number) => void) | undefined
): Pull<Event.OperationEvent, E | EventStreamError> => {
  const read: Read = { decoder: new Sse.Decoder() }
  const inform = telling(read, tell)
  const pull: Pull<Event.OperationEvent, E | EventStreamError> = Effect.suspend(() =>
    read.broken !== undefined ? Effect.fail(Option.some(read.broken)) : Effect.flatMap(bytes, (chunk) => {
      const events = eventsOf(chunk, read, source)
      inform()
      return events.length === 0 ? pull : Effect.succeed(Chunk.unsafeFromArray(events))
    })
  )
  return pull
}

/** the events of a connection that `open` makes */
export const events = <E, E2>(
  open: Pulled<Uint8Array, E, E2>,
  source: Source
): Pulled<Event.OperationEvent, E | EventStreamError, E2> =>
  Effect.zipWith(open, SseRetry.observer, (bytes, tell) => decoded(bytes, source, tell))
