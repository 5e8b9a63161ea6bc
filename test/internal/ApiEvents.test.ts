import { describe, it } from "@effect/vitest"
import { Effect, Either, Stream } from "effect"
import type * as Errors from "effect-contree/Errors"
import type * as Event from "effect-contree/Event"
import * as Ids from "effect-contree/Ids"
import { expect } from "vitest"
import * as ApiEvents from "../../src/internal/ApiEvents.js"
import * as Sse from "../../src/internal/Sse.js"
import * as Pull from "../../src/internal/Pull.js"
import * as SseRetry from "../../src/internal/SseRetry.js"

const source: ApiEvents.Source = {
  method: "operations.events",
  operationId: Ids.OperationId.make("0f9e8d7c-6b5a-4c3d-9e1f-001122334455"),
  scrub: (text) => text
}

const utf8 = new TextEncoder()

const frame = (id: number): string =>
  `id: ${id}\nevent: stdout\ndata: ${
    JSON.stringify({ id, ts: "2026-09-18T08:01:19Z", type: "stdout", data: {}, spid: 1 })
  }\n\n`

/** what comes at once stands in one array */
type Pulls = ReadonlyArray<ReadonlyArray<string | Uint8Array>>

const eventsOf = (
  ...pulls: Pulls
): Stream.Stream<Event.OperationEvent, Errors.EventStreamError> => {
  const bytes = Stream.fromIterable(pulls).pipe(
    Stream.rechunk(1),
    Stream.mapConcat((all) => all.map((each) => typeof each === "string" ? utf8.encode(each) : each))
  )
  return Pull.toStream(ApiEvents.events(Stream.toPull(bytes), source))
}

/** the ids that came, and how it ended */
const outcome = (events: Stream.Stream<Event.OperationEvent, Errors.EventStreamError>) =>
  Effect.gen(function*() {
    const ids: Array<number> = []
    const end = yield* Effect.either(Stream.runForEach(events, ({ id }) => Effect.sync(() => ids.push(id))))
    return { ids, error: Either.isLeft(end) ? end.left : undefined }
  })

const overlong = new Uint8Array(Sse.maxFrameBytes + 1).fill(120)

const places: ReadonlyArray<readonly [where: string, pulls: Pulls]> = [
  ["in the same bytes", [[Buffer.concat([utf8.encode(frame(0) + frame(1)), overlong])]]],
  ["in bytes that came with it", [[frame(0), frame(1), overlong]]],
  ["in bytes that came earlier", [[frame(0)], [frame(1)], [overlong]]]
]

describe("the events of a connection", () => {
  it.effect.each(places)("are handed out before one that is too long, %s", ([, pulls]) =>
    Effect.gen(function*() {
      const { error, ids } = yield* outcome(eventsOf(...pulls))
      expect(ids).toEqual([0, 1])
      expect(error).toMatchObject({ _tag: "EventStreamError", retryable: false })
      expect(error?.message).toContain(`longer than ${Sse.maxFrameBytes} bytes`)
    }))

  it.effect("are handed out before one that cannot be read, which is told before what is too long", () =>
    Effect.gen(function*() {
      const { error, ids } = yield* outcome(eventsOf([frame(0), "data: {\n\n", frame(1), overlong]))
      expect(ids).toEqual([0])
      expect(error?.message).toContain("not JSON")
    }))

  it.effect("tell of a retry that no frame follows, once for each change", () =>
    Effect.gen(function*() {
      const heard: Array<number> = []
      yield* Stream.runDrain(eventsOf(["retry: 5\n"], [`${frame(0)}retry:`], ["5\nretry: 6\n"])).pipe(
        SseRetry.observing((millis) => void heard.push(millis))
      )
      expect(heard).toEqual([5, 6])
    }))

  it.effect("come again when the stream is run twice, without one that has no end", () =>
    Effect.gen(function*() {
      const events = eventsOf([`${frame(0)}${frame(1)}data: c`])
      expect(yield* outcome(events)).toEqual({ ids: [0, 1], error: undefined })
      expect(yield* outcome(events)).toEqual({ ids: [0, 1], error: undefined })
    }))
})
