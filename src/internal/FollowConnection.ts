/** One connection to a log, read as far as it is good. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import * as Errors from "../schemas/Errors.js"
import type * as Event from "../schemas/Event.js"
import type * as Wire from "../schemas/Wire.js"
import type { ConnectionError, Who } from "./FollowErrors.js"
import { judge, type State } from "./FollowState.js"
import * as Pull from "./Pull.js"
import * as SseRetry from "./SseRetry.js"

export type Connection = Stream.Stream<Event.OperationEvent, ConnectionError>

export interface Source extends Who {
  /** one connection; an absent `lastEventId` asks for everything */
  readonly events: (query: { readonly follow?: boolean; readonly lastEventId?: number }) => Connection
  /** how it stands; of a process in a run, told as an operation of its own */
  readonly operation: Effect.Effect<Wire.Operation, Errors.LookupError>
  /** the process whose output the status has, where the log is of that alone; default: 1, and the whole log */
  readonly spid?: number | undefined
  /** an event after which there is nothing to wait for; `completion` always is one */
  readonly isLast?: ((event: Event.OperationEvent) => boolean) | undefined
  /** the same, with what the run has written so far; without it a run whose log is absent is silent until its end */
  readonly inflight?: Effect.Effect<Wire.Operation, Errors.LookupError> | undefined
}

/** Where the next connection goes on. */
export const query = (state: State, follow: boolean): { readonly follow?: boolean; readonly lastEventId?: number } => {
  const last = state.progress.lastId()
  return { ...(follow ? { follow } : {}), ...(last === undefined ? {} : { lastEventId: last }) }
}

const misplaced = (who: Who, description: string, retryable: boolean): Errors.EventStreamError =>
  new Errors.EventStreamError({ method: who.method, operationId: who.operationId, retryable, description })

/** Events that are new, in order; the last one ends the stream, and so does a gap, as a break. */
export const take = (
  source: Source,
  state: State,
  connection: Connection
): Pull.Pulled<Event.OperationEvent, never> => {
  /** there is nothing more here that we want: the connection is closed before another byte of it is read */
  let isDone = false
  const read = (events: Chunk.Chunk<Event.OperationEvent>): Array<Event.OperationEvent> => {
    const items: Array<Event.OperationEvent> = []
    for (const event of events) {
      const next = (state.progress.lastId() ?? -1) + 1
      const verdict = judge(state, event)
      if (verdict === "old") continue
      if (verdict === "new") items.push(event)
      if (verdict === "gap") {
        const error = misplaced(source, `event ${event.id} came where ${next} was to come`, true)
        state.phase = { _tag: "Broken", error: Option.some(error) }
      } else if (verdict === "late") {
        const error = misplaced(
          source,
          `event ${event.id} came late twice: it cannot be put in its place any more`,
          false
        )
        state.phase = { _tag: "Failed", error }
      } else if (event.type === "completion" || source.isLast?.(event) === true) {
        state.phase = { _tag: "Ended" }
      } else continue
      isDone = true
      break
    }
    return items
  }
  const checked = (pull: Pull.Pull<Event.OperationEvent, ConnectionError>): Pull.Pull<Event.OperationEvent, never> => {
    const next: Pull.Pull<Event.OperationEvent, never> = Effect.suspend(() =>
      isDone ? Pull.ended : Effect.matchEffect(pull, {
        onFailure: (error) => {
          if (Option.isSome(error)) state.phase = { _tag: "Broken", error }
          return Pull.ended
        },
        onSuccess: (events) => {
          const items = read(events)
          return items.length === 0 ? next : Effect.succeed(Chunk.unsafeFromArray(items))
        }
      })
    )
    return next
  }
  const tell = (millis: number): void => {
    state.retryMillis = millis
  }
  return Effect.map(Pull.fromStream(connection), (pull) => checked(SseRetry.observing(tell)(pull)))
}
