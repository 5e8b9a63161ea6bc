/** Where a follower is: what it has read, what it does next, and how long it pauses before that. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Event from "../schemas/Event.js"
import type * as Wire from "../schemas/Wire.js"
import type { ConnectionError } from "./FollowErrors.js"
import { makeProgress, type Progress } from "./FollowProgress.js"

/** Failures in a row, without one new event and without one good answer about the status, before we give up. */
export const maxFailures = 10

const ladder = [100, 200, 500, 1000, 2000, 5000]
/** Nobody can make us sleep for a day. */
const maxAskedMillis = 60_000
/** A status that has just brought new output is asked again no sooner than after this step of the ladder. */
const liveStep = 2

/** What comes late comes soon: of older holes nothing needs to be known. */
const maxHoles = 16

/** wrapped: nothing read is a place too */
interface Cursor {
  readonly lastId: number | undefined
}

export interface State {
  readonly progress: Progress
  phase:
    | { readonly _tag: "Connect" }
    /** the connection of this turn ended without completion */
    | { readonly _tag: "Broken"; readonly error: Option.Option<ConnectionError> }
    | { readonly _tag: "Poll" }
    /** `error`: what the connection before ended in */
    | {
      readonly _tag: "Drain"
      readonly operation: Wire.Operation
      readonly left: number
      readonly error: Option.Option<ConnectionError>
    }
    /** the end of the log was read; whether nothing is missing before it is still to be seen */
    | { readonly _tag: "Ended" }
    | { readonly _tag: "Done" }
    /** nothing more can be done without a loss */
    | { readonly _tag: "Failed"; readonly error: ConnectionError }
  /** steps on the ladder: since the last new event */
  attempts: number
  failures: number
  missing: number
  /** turns in a row in which there was neither a log nor an operation */
  gone: number
  /** when the log's server wants us back after a break */
  retryMillis: number | undefined
  /** where the log could not be read, and would not be by another reader either */
  unreadableAfter: Cursor | undefined
  /** where a number was missing */
  gapAfter: Cursor | undefined
  /** a number was missing twice at the same place: this log leaves some out */
  hasGaps: boolean
  /** the last of the numbers that were left out, each run of them from its first on, to before its second */
  holes: ReadonlyArray<readonly [number, number]>
  /** the last reading of the log of an ended operation went to the log's end */
  isDrained: boolean
}

/** The log of one process alone leaves out the numbers of the others. */
export const initial = (spid: number | undefined, after: number | undefined): State => ({
  progress: makeProgress(after, spid),
  phase: { _tag: "Connect" },
  attempts: 0,
  failures: 0,
  missing: 0,
  gone: 0,
  retryMillis: undefined,
  unreadableAfter: undefined,
  gapAfter: undefined,
  hasGaps: spid !== undefined,
  holes: [],
  isDrained: false
})

/** Is it the second time that the same event cannot be read? What does not get better is not asked for a third time. */
export const isStuck = (state: State, error: Option.Option<ConnectionError>): boolean => {
  if (Option.isNone(error) || error.value._tag !== "EventStreamError" || error.value.retryable !== false) return false
  const lastId = state.progress.lastId()
  const isSame = state.unreadableAfter !== undefined && state.unreadableAfter.lastId === lastId
  state.unreadableAfter = { lastId }
  return isSame
}

/**
 * Numbers follow each other, so one that is missing was lost or will come late, and what comes after it must wait: once.
 * A log that leaves it out again has no such event.
 */
const isGap = (state: State, id: number): boolean => {
  const lastId = state.progress.lastId()
  const next = (lastId ?? -1) + 1
  if (id <= next) return false
  if (!state.hasGaps && (state.gapAfter === undefined || state.gapAfter.lastId !== lastId)) {
    state.gapAfter = { lastId }
    return true
  }
  state.hasGaps = true
  state.holes = [...state.holes.slice(-maxHoles), [next, id]]
  return false
}

/**
 * What an event is to a reader who has come so far: `late` is one that was taken for left out, and whose place in the
 * order is gone.
 */
export const judge = (state: State, event: Event.OperationEvent): "new" | "old" | "gap" | "late" => {
  if (isGap(state, event.id)) return "gap"
  if (!state.progress.accept(event)) {
    return state.holes.some(([from, to]) => event.id >= from && event.id < to) ? "late" : "old"
  }
  state.attempts = 0
  state.failures = 0
  state.missing = 0
  return "new"
}

const askedMillis = (error: Option.Option<ConnectionError>): number | undefined =>
  Option.isSome(error) && "retryAfterMillis" in error.value ? error.value.retryAfterMillis : undefined

/** Does the server say when to come again? */
export const asksToWait = (error: Option.Option<ConnectionError>): boolean => askedMillis(error) !== undefined

const within = (millis: number): number => Math.min(Math.max(0, millis), maxAskedMillis)

/**
 * Retry-After is followed as it is, from the ladder's first step up to a minute; `retry:` of the stream, which holds for
 * all its breaks, is a least pause.
 */
export const pause = (state: State, error: Option.Option<ConnectionError>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const step = ladder[Math.min(state.attempts++, ladder.length - 1)] ?? 5000
    const asked = askedMillis(error)
    const millis = asked === undefined
      ? Math.max(step, within(state.retryMillis ?? 0))
      : Math.max(ladder[0] ?? 100, within(asked))
    return Effect.sleep(Duration.millis(millis))
  })

/** The status brought something new: it is worth asking again soon. */
export const stepBack = (state: State): void => {
  state.attempts = Math.min(state.attempts, liveStep)
}
