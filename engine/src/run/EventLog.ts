/**
 * What happened to an operation, as a file: one event a line, appended and never changed, `events/<operation>` in the
 * store. Readers go by position, so a slow one costs no memory; a restart loses nothing but a line that was being
 * written. Protocol: section 4.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { closeSync, constants, existsSync, ftruncateSync, openSync, unlinkSync, writeSync } from "node:fs"
import { join } from "node:path"
import { makeFolders } from "../Folders.js"
import type { EventLine } from "./EventLines.js"
import { failure } from "./EventLogError.js"
import type { EventLogError } from "./EventLogError.js"
import * as EventReading from "./EventReading.js"
import type { Live, ReadOptions } from "./EventReading.js"
import { fromNanos } from "./Moment.js"

/**
 * The one writer of a log. Ids count from 0.
 *
 * @since 0.1.0
 * @category models
 */
export interface Writer {
  readonly operationId: string
  /** Appends an event, stamped now. Synchronous: events get their order where they happen. Throws `EventLogError`. */
  readonly unsafeAppend: (type: string, spid: number, data: Record<string, unknown>) => void
  /** The same as an effect. */
  readonly append: (type: string, spid: number, data: Record<string, unknown>) => Effect.Effect<void, EventLogError>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface EventLog {
  /** A new log; closing the scope ends it for its followers. Fails when there is one of that name. */
  readonly create: (operationId: string) => Effect.Effect<Writer, EventLogError, Scope.Scope>
  /** Whole lines, in order, each once. Fails to begin when there is no log. */
  readonly pull: (
    operationId: string,
    options?: ReadOptions
  ) => Effect.Effect<EventReading.Pull, EventLogError, Scope.Scope>
  /** The same as a stream. */
  readonly read: (operationId: string, options?: ReadOptions) => Stream.Stream<EventLine, EventLogError>
  /** Forgets a log; none of that name is fine. */
  readonly remove: (operationId: string) => Effect.Effect<void>
  /** Is there a log of that name? */
  readonly has: (operationId: string) => Effect.Effect<boolean>
}

const wake = (live: Live): void => {
  const waiting = [...live.waiting]
  live.waiting.clear()
  for (const resume of waiting) resume()
}

const writeWhole = (fd: number, bytes: Buffer): void => {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
}

/**
 * The logs in `folder`, which is made when absent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (folder: string): Effect.Effect<EventLog, EventLogError> =>
  Effect.gen(function*() {
    yield* Effect.try({ try: () => makeFolders(folder, 0o700), catch: failure("") })
    const clock = yield* Clock.clockWith(Effect.succeed)
    const live = new Map<string, Live>()
    const pathOf = (operationId: string): string => join(folder, operationId)
    const pull: EventLog["pull"] = (operationId, options = {}) =>
      Effect.suspend(() => EventReading.open(live.get(operationId), operationId, pathOf(operationId), options))
    const log: EventLog = {
      create: (operationId) => create(live, clock, operationId, pathOf(operationId)),
      pull,
      read: (operationId, options) =>
        Stream.unwrapScoped(Effect.map(pull(operationId, options), Stream.repeatEffectChunkOption)),
      remove: (operationId) =>
        Effect.sync(() => {
          try {
            unlinkSync(pathOf(operationId))
          } catch {
            // it is not there: that is what was asked for
          }
        }),
      has: (operationId) => Effect.sync(() => existsSync(pathOf(operationId)))
    }
    return log
  })

const create = (
  logs: Map<string, Live>,
  clock: Clock.Clock,
  operationId: string,
  path: string
): Effect.Effect<Writer, EventLogError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL
        const fd = openSync(path, flags, 0o600)
        const live: Live = { size: 0, ended: false, waiting: new Set() }
        logs.set(operationId, live)
        return { fd, live }
      },
      catch: failure(operationId)
    }),
    ({ fd, live }) =>
      Effect.sync(() => {
        live.ended = true
        logs.delete(operationId)
        try {
          closeSync(fd)
        } finally {
          // followers wait for nothing else
          wake(live)
        }
      })
  ).pipe(Effect.map(({ fd, live }) => writer(clock, operationId, fd, live)))

const writer = (clock: Clock.Clock, operationId: string, fd: number, live: Live): Writer => {
  let next = 0
  const unsafeAppend = (type: string, spid: number, data: Record<string, unknown>): void => {
    // its descriptor may be another file's by now
    if (live.ended) throw failure(operationId)(new Error("it is closed"))
    const ts = fromNanos(clock.unsafeCurrentTimeNanos())
    const line = Buffer.from(`${JSON.stringify({ id: next, ts, type, spid, data })}\n`)
    try {
      writeWhole(fd, line)
    } catch (error) {
      // half a line (a full disk) must not stand in front of the next one
      try {
        ftruncateSync(fd, live.size)
      } catch {
        // the first error is the one to tell
      }
      throw failure(operationId)(error)
    }
    next += 1
    live.size += line.length
    wake(live)
  }
  return {
    operationId,
    unsafeAppend,
    append: (type, spid, data) => Effect.try({ try: () => unsafeAppend(type, spid, data), catch: failure(operationId) })
  }
}
