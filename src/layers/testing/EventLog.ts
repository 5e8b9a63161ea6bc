/**
 * What happened to an operation, for whoever follows it. Protocol: section 4.4.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Event from "../../schemas/Event.js"
import type { EventsQuery } from "../../services/ContreeApi.js"
import * as Bell from "./Bell.js"
import { fromMillis } from "./Moment.js"

/** @internal */
export class EventLog {
  readonly #events: Array<Event.OperationEvent> = []
  readonly #bell = Bell.make()
  #isOver = false
  #defect: Option.Option<unknown> = Option.none()

  append(now: number, type: string, spid: number, data: Event.OperationEvent["data"]): void {
    // nothing comes after the completion
    if (this.#isOver) return
    this.#events.push({ id: this.#events.length, ts: fromMillis(now), type, data, spid })
    this.#isOver = type === "completion"
    this.#bell.ring()
  }

  /** a mistake of the test's own, for all who follow this log */
  die(defect: unknown): void {
    this.#defect = Option.some(defect)
    this.#bell.ring()
  }

  /** one connection: to the end of the log, or of the operation */
  connect(query: EventsQuery = {}): Stream.Stream<Event.OperationEvent> {
    return Stream.suspend(() => {
      let cursor = Math.max(0, (query.lastEventId ?? query.since ?? -1) + 1)
      const next: Effect.Effect<Chunk.Chunk<Event.OperationEvent>, Option.Option<never>> = Effect.suspend(() => {
        if (Option.isSome(this.#defect)) return Effect.die(this.#defect.value)
        if (cursor < this.#events.length) {
          const events = this.#events.slice(cursor)
          cursor = this.#events.length
          return Effect.succeed(Chunk.unsafeFromArray(events))
        }
        return this.#isOver || query.follow !== true
          ? Effect.fail(Option.none())
          : Effect.zipRight(this.#bell.next, next)
      })
      return Stream.repeatEffectChunkOption(next).pipe(
        Stream.filter(({ spid, type }) => query.spid === undefined || spid === query.spid || type === "completion")
      )
    })
  }
}
