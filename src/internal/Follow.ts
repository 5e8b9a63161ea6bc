/**
 * The log of an operation, read as one that is complete or fails: connections that break are taken up where they
 * stopped, and where the log itself is not to be had, the operation's status fills in what is missing. Protocol: 4.4
 * and 5.2.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Errors from "../schemas/Errors.js"
import type * as Event from "../schemas/Event.js"
import * as Wire from "../schemas/Wire.js"
import { query, type Source, take } from "./FollowConnection.js"
import { conclude } from "./FollowEnd.js"
import { type ConnectionError, isFatal, saysNoRoute, toFollowError } from "./FollowErrors.js"
import { asksToWait, initial, isStuck, maxFailures, pause, type State, stepBack } from "./FollowState.js"
import { liveOutput, synthesise } from "./FollowSynthesis.js"
import * as Pull from "./Pull.js"

export type { Source } from "./FollowConnection.js"
export type { ConnectionError } from "./FollowErrors.js"
export { replay } from "./FollowReplay.js"
export { maxFailures } from "./FollowState.js"

/** Tries to read the rest of the log of an operation that has ended. */
const maxDrains = 3
/** A just-created operation may be there before its log is: so often a 404 means "not yet". */
const maxMissing = 4

/** what is read next */
type Reading = Pull.Pulled<Event.OperationEvent, never>

const connect = (source: Source, state: State): Reading => {
  // overwritten by what the connection really ends in
  state.phase = { _tag: "Broken", error: Option.none() }
  return take(source, state, source.events(query(state, true)))
}

/** What the log still has of an operation that has ended; then the next try, or the status instead of the log. */
const drain = (
  source: Source,
  state: State,
  phase: State["phase"] & { readonly _tag: "Drain" }
): Effect.Effect<Reading, Errors.FollowError> => {
  if (phase.left === 0) {
    state.phase = { _tag: "Done" }
    // the status has the output of the whole run, and nothing of what else is in the rest of a log
    if (!state.progress.whole && !state.isDrained) {
      return Effect.fail(
        new Errors.EventStreamError({
          method: source.method,
          operationId: source.operationId,
          description: `the log is gone, and what came after event ${state.progress.lastId()} is nowhere else`
        })
      )
    }
    return Effect.map(
      Effect.flatMap(Clock.currentTimeMillis, (now) => synthesise(source, state, phase.operation, now)),
      (events) => Pull.fromArray(events)
    )
  }
  return Effect.as(
    phase.left === maxDrains && !asksToWait(phase.error) ? Effect.void : pause(state, phase.error),
    Effect.suspend(() => {
      // falls through to the next try unless the drain finds the completion
      const next = { ...phase, left: phase.left - 1, error: Option.none() }
      state.phase = next
      state.isDrained = true
      const noteBreak = Effect.sync(() => {
        if (state.phase._tag !== "Broken") return
        state.isDrained = false
        state.phase = { ...next, error: state.phase.error }
      })
      return Effect.zipRight(
        Effect.addFinalizer(() => noteBreak),
        take(source, state, source.events(query(state, false)))
      )
    })
  )
}

/** Asks how the operation stands. Errors count as "goes on", up to a bound. */
const probe = (
  source: Source,
  state: State,
  error: Option.Option<ConnectionError>,
  operation: Source["operation"] = source.operation
): Effect.Effect<Option.Option<Wire.Operation>, Errors.FollowError> =>
  Effect.matchEffect(operation, {
    onFailure: (failure) => {
      state.failures++
      const isGone = failure._tag === "NotFoundError" &&
        (Option.isNone(error) || error.value._tag === "NotFoundError")
      state.gone = isGone ? state.gone + 1 : 0
      if (state.gone >= maxMissing) return Effect.fail(failure)
      if (state.failures < maxFailures) return Effect.succeedNone
      // the connection says more than the probe, unless there is no such operation at all
      return Effect.fail(
        failure._tag === "NotFoundError" || Option.isNone(error) ? failure : toFollowError(source, error)
      )
    },
    onSuccess: (operation) => {
      state.failures = 0
      state.gone = 0
      return Effect.succeedSome(operation)
    }
  })

const afterBreak = (
  source: Source,
  state: State,
  error: Option.Option<ConnectionError>
): Effect.Effect<void, Errors.FollowError> => {
  if (Option.isSome(error) && isFatal(error.value)) return Effect.fail(toFollowError(source, error))
  return Effect.flatMap(probe(source, state, error), (probed) => {
    if (Option.isSome(probed) && Wire.isTerminal(probed.value.status)) {
      state.phase = { _tag: "Drain", operation: probed.value, left: maxDrains, error }
      return Effect.void
    }
    const absent = Option.isSome(error) && Option.isSome(probed) &&
      (saysNoRoute(error.value) || (error.value._tag === "NotFoundError" && ++state.missing >= maxMissing))
    state.phase = absent || isStuck(state, error) ? { _tag: "Poll" } : { _tag: "Connect" }
    return pause(state, error)
  })
}

/** The end, or what the run has written since the last look. */
const poll = (
  source: Source,
  state: State
): Effect.Effect<Reading | undefined, Errors.FollowError> =>
  Effect.flatMap(probe(source, state, Option.none(), source.inflight), (probed) => {
    if (Option.isNone(probed)) return Effect.as(pause(state, Option.none()), undefined)
    const operation = probed.value
    if (Wire.isTerminal(operation.status)) {
      // the status has the rest of a whole log alone
      state.phase = { _tag: "Drain", operation, left: state.progress.whole ? 0 : maxDrains, error: Option.none() }
      return Effect.succeed(undefined)
    }
    return Effect.map(Clock.currentTimeMillis, (now) => {
      const events = liveOutput(state.progress, operation, now)
      if (events.length > 0) stepBack(state)
      // first what is new, then the pause: nobody waits for what is there
      return Pull.fromArray(events, pause(state, Option.none()))
    })
  })

/** One turn: what to read next, or the end. */
const turn = (
  source: Source,
  state: State
): Effect.Effect<Reading | undefined, Option.Option<Errors.FollowError>> => {
  const phase = state.phase
  switch (phase._tag) {
    case "Done":
      return Pull.ended
    case "Ended":
      state.phase = { _tag: "Done" }
      return Effect.as(Effect.mapError(conclude(source, state), Option.some), undefined)
    case "Failed":
      return Effect.fail(Option.some(toFollowError(source, Option.some(phase.error))))
    case "Connect":
      return Effect.sync(() => connect(source, state))
    case "Drain":
      return Effect.mapError(drain(source, state, phase), Option.some)
    case "Broken":
      return Effect.as(Effect.mapError(afterBreak(source, state, phase.error), Option.some), undefined)
    case "Poll":
      return Effect.mapError(poll(source, state), Option.some)
  }
}

/**
 * Everything after the event `after` (default: everything), in order, once each, up to and with `completion`. A log that
 * is lost is made up for from the operation's status: what its streams still lack, and a `completion`. An `exit` is not
 * made up (the status lacks most of what that event says): who needs the exit reads it in the status. What came after
 * `after` is in no status, so there a lost log is an `EventStreamError`; and so is a status that does not go together with
 * what the log gave.
 */
export const follow = (
  source: Source,
  options?: { readonly after?: number | undefined }
): Pull.Pulled<Event.OperationEvent, Errors.FollowError> =>
  // the state is of one reading: a log can be read twice
  Effect.suspend(() => {
    const state = initial(source.spid, options?.after)
    return Pull.sequence(Effect.suspend(() => turn(source, state)))
  })
