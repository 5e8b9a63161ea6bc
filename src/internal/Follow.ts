/**
 * The log of an operation as one stream that is complete or fails: connections that break are taken up where they
 * stopped, and where the log itself is not to be had, the operation's status fills in what is missing. Protocol: 4.4
 * and 5.2.
 */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Errors from "../schemas/Errors.js"
import type * as Event from "../schemas/Event.js"
import type * as Ids from "../schemas/Ids.js"
import * as Wire from "../schemas/Wire.js"
import { makeProgress, type Progress, synthesise } from "./FollowSynthesis.js"

/** What one connection can end in. */
export type ConnectionError =
  | Errors.LookupError
  | Errors.GoneError
  | Errors.TooEarlyError
  | Errors.EventStreamError

export interface Source {
  readonly operationId: Ids.OperationId
  /** named in errors */
  readonly method: string
  /** one connection; an absent `lastEventId` asks for everything */
  readonly events: (
    query: { readonly follow?: boolean; readonly lastEventId?: number }
  ) => Stream.Stream<Event.OperationEvent, ConnectionError>
  /** how it stands; of a process in a run, told as an operation of its own */
  readonly operation: Effect.Effect<Wire.Operation, Errors.LookupError>
  /** the process whose output the status has; default: 1, the command of a run */
  readonly spid?: number | undefined
  /** an event after which there is nothing to wait for; `completion` always is one */
  readonly isLast?: ((event: Event.OperationEvent) => boolean) | undefined
}

/** Failures in a row, without one new event and without one good answer about the status, before we give up. */
export const maxFailures = 10
/** Tries to read the rest of the log of an operation that has ended. */
const maxDrains = 3
/** A just-created operation may be there before its log is: so often a 404 means "not yet". */
const maxMissing = 4

const ladder = [100, 200, 500, 1000, 2000, 5000]
/** Nobody can make us sleep for a day. */
const maxRetryAfterMillis = 60_000

interface State {
  readonly progress: Progress
  phase:
    | { readonly _tag: "Connect" }
    /** the connection of this turn ended without completion */
    | { readonly _tag: "Broken"; readonly error: Option.Option<ConnectionError> }
    | { readonly _tag: "Poll" }
    | { readonly _tag: "Drain"; readonly operation: Wire.Operation; readonly left: number }
    | { readonly _tag: "Done" }
  /** steps on the ladder: since the last new event */
  attempts: number
  failures: number
  missing: number
  /** turns in a row in which there was neither a log nor an operation */
  gone: number
  /** where the log could not be read, and would not be by another reader either */
  unreadableAfter: Cursor | undefined
  /** the last reading of the log of an ended operation went to the log's end */
  isDrained: boolean
}

/** wrapped: nothing read is a place too */
interface Cursor {
  readonly lastId: number | undefined
}

const initial = (source: Source, after: number | undefined): State => ({
  progress: makeProgress(after, source.spid),
  phase: { _tag: "Connect" },
  attempts: 0,
  failures: 0,
  missing: 0,
  gone: 0,
  unreadableAfter: undefined,
  isDrained: false
})

/** Is it the second time that the same event cannot be read? What does not get better is not asked for a third time. */
const isStuck = (state: State, error: Option.Option<ConnectionError>): boolean => {
  if (Option.isNone(error) || error.value._tag !== "EventStreamError" || error.value.retryable !== false) return false
  const lastId = state.progress.lastId()
  const isSame = state.unreadableAfter !== undefined && state.unreadableAfter.lastId === lastId
  state.unreadableAfter = { lastId }
  return isSame
}

const pause = (state: State, error: Option.Option<ConnectionError>): Effect.Effect<void> => {
  const asked = Option.match(error, {
    onNone: () => undefined,
    onSome: (e) => "retryAfterMillis" in e ? e.retryAfterMillis : undefined
  })
  const step = ladder[Math.min(state.attempts++, ladder.length - 1)] ?? 5000
  return Effect.sleep(Duration.millis(asked === undefined ? step : Math.min(Math.max(0, asked), maxRetryAfterMillis)))
}

/** Nothing of these gets better by asking again. */
const isFatal = (error: ConnectionError): error is Errors.UnauthorizedError | Errors.ForbiddenError =>
  error._tag === "UnauthorizedError" || error._tag === "ForbiddenError"

const saysNoRoute = (error: ConnectionError): boolean =>
  error._tag === "BadRequestError" ||
  (error._tag === "UnexpectedStatusError" && (error.status === 405 || error.status === 406))

/** What of a connection error may leave here: "later" that never came is a stream that broke. */
const toFollowError = (source: Source, error: Option.Option<ConnectionError>): Errors.FollowError => {
  if (Option.isSome(error) && error.value._tag !== "GoneError" && error.value._tag !== "TooEarlyError") {
    return error.value
  }
  return new Errors.EventStreamError({
    method: source.method,
    operationId: source.operationId,
    retryable: true,
    description: Option.match(error, {
      onNone: () => "the connection ended again and again without the operation's end, and its status cannot be read",
      onSome: (e) => `the server kept answering ${e._tag === "GoneError" ? 410 : 425}, and its status cannot be read`
    })
  })
}

const isLast = (source: Source, event: Event.OperationEvent): boolean =>
  event.type === "completion" || source.isLast?.(event) === true

/** Events that are new, in order; a `completion` ends the stream. */
const take = (
  source: Source,
  state: State,
  connection: Stream.Stream<Event.OperationEvent, ConnectionError>
): Stream.Stream<Event.OperationEvent> =>
  connection.pipe(
    Stream.mapChunks(Chunk.filter((event) => {
      if (state.phase._tag === "Done" || !state.progress.accept(event)) return false
      state.attempts = 0
      state.failures = 0
      if (isLast(source, event)) state.phase = { _tag: "Done" }
      return true
    })),
    Stream.takeUntil((event) => isLast(source, event)),
    Stream.catchAll((error) => {
      if (state.phase._tag !== "Done") state.phase = { _tag: "Broken", error: Option.some(error) }
      return Stream.empty
    })
  )

const query = (state: State, follow: boolean) => {
  const last = state.progress.lastId()
  return { ...(follow ? { follow } : {}), ...(last === undefined ? {} : { lastEventId: last }) }
}

const connect = (source: Source, state: State): Stream.Stream<Event.OperationEvent> => {
  // overwritten by what the connection really ends in
  state.phase = { _tag: "Broken", error: Option.none() }
  return take(source, state, source.events(query(state, true)))
}

/** What the log still has of an operation that has ended; then the next try, or the status instead of the log. */
const drain = (
  source: Source,
  state: State,
  phase: State["phase"] & { readonly _tag: "Drain" }
): Effect.Effect<Stream.Stream<Event.OperationEvent>, Errors.FollowError> => {
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
    return Effect.flatMap(Clock.currentTimeMillis, (now) => synthesise(source, state.progress, phase.operation, now))
      .pipe(
        Effect.map(Stream.fromIterable)
      )
  }
  return Effect.as(
    phase.left === maxDrains ? Effect.void : pause(state, Option.none()),
    Stream.suspend(() => {
      // falls through to the next try unless the drain finds the completion
      const next = { ...phase, left: phase.left - 1 }
      state.phase = next
      state.isDrained = true
      return Stream.ensuring(
        take(source, state, source.events(query(state, false))),
        Effect.sync(() => {
          if (state.phase._tag !== "Broken") return
          state.isDrained = false
          state.phase = next
        })
      )
    })
  )
}

/** Asks how the operation stands. Errors count as "goes on", up to a bound. */
const probe = (
  source: Source,
  state: State,
  error: Option.Option<ConnectionError>
): Effect.Effect<Option.Option<Wire.Operation>, Errors.FollowError> =>
  Effect.matchEffect(source.operation, {
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
      state.phase = { _tag: "Drain", operation: probed.value, left: maxDrains }
      return Effect.void
    }
    const absent = Option.isSome(error) && Option.isSome(probed) &&
      (saysNoRoute(error.value) || (error.value._tag === "NotFoundError" && ++state.missing >= maxMissing))
    state.phase = absent || isStuck(state, error) ? { _tag: "Poll" } : { _tag: "Connect" }
    return pause(state, error)
  })
}

const poll = (source: Source, state: State): Effect.Effect<void, Errors.FollowError> =>
  Effect.flatMap(probe(source, state, Option.none()), (probed) => {
    if (Option.isSome(probed) && Wire.isTerminal(probed.value.status)) {
      state.phase = { _tag: "Drain", operation: probed.value, left: 0 }
      return Effect.void
    }
    return pause(state, Option.none())
  })

/** One turn: what to read next, or the end. */
const turn = (
  source: Source,
  state: State
): Effect.Effect<Stream.Stream<Event.OperationEvent>, Option.Option<Errors.FollowError>> => {
  const phase = state.phase
  switch (phase._tag) {
    case "Done":
      return Effect.fail(Option.none())
    case "Connect":
      return Effect.sync(() => connect(source, state))
    case "Drain":
      return Effect.mapError(drain(source, state, phase), Option.some)
    case "Broken":
      return Effect.as(Effect.mapError(afterBreak(source, state, phase.error), Option.some), Stream.empty)
    case "Poll":
      return Effect.as(Effect.mapError(poll(source, state), Option.some), Stream.empty)
  }
}

/**
 * Everything after the event `after` (default: everything), in order, once each, up to and with `completion`. A log that
 * is lost is made up for from the operation's status: what its streams still lack, and a `completion`. An `exit` is not
 * made up (the status lacks most of what that event says): who needs the exit reads it in the status. What came after
 * `after` is in no status, so there a lost log is an `EventStreamError`.
 */
export const follow = (
  source: Source,
  options?: { readonly after?: number | undefined }
): Stream.Stream<Event.OperationEvent, Errors.FollowError> =>
  // the state is of one run of the stream: a stream can be run twice
  Stream.suspend(() => {
    const state = initial(source, options?.after)
    return Stream.flatMap(Stream.repeatEffectOption(Effect.suspend(() => turn(source, state))), (events) => events)
  })

/** What the log has now, and no waiting for more; a break is taken up as in `follow`. */
export const replay = (
  source: Source,
  options?: { readonly after?: number | undefined }
): Stream.Stream<Event.OperationEvent, Errors.FollowError> =>
  Stream.suspend(() => {
    const state = initial(source, options?.after)
    const { progress } = state
    const attempt = Effect.suspend((): Effect.Effect<
      Stream.Stream<Event.OperationEvent>,
      Option.Option<Errors.FollowError>
    > => {
      const phase = state.phase
      if (phase._tag === "Connect") {
        return Effect.sync(() => {
          state.phase = { _tag: "Done" }
          const connection = source.events(query(state, false)).pipe(
            Stream.mapChunks(Chunk.filter((event) => {
              const isNew = progress.accept(event)
              if (isNew) state.failures = state.attempts = 0
              return isNew
            }))
          )
          return Stream.catchAll(connection, (error) => {
            state.phase = { _tag: "Broken", error: Option.some(error) }
            return Stream.empty
          })
        })
      }
      if (phase._tag !== "Broken") return Effect.fail(Option.none())
      const error = phase.error
      // 425: nothing has happened yet, so there is nothing to replay
      if (Option.isSome(error) && error.value._tag === "TooEarlyError") return Effect.fail(Option.none())
      const mends = Option.isSome(error) && !isFatal(error.value) && !saysNoRoute(error.value) &&
        error.value._tag !== "NotFoundError" && !isStuck(state, error)
      if (!mends || ++state.failures >= maxFailures) return Effect.fail(Option.some(toFollowError(source, error)))
      state.phase = { _tag: "Connect" }
      return Effect.as(pause(state, error), Stream.empty)
    })
    return Stream.flatMap(Stream.repeatEffectOption(attempt), (events) => events)
  })
