/**
 * What happened to an operation, as a file: one event a line, appended and never changed, `events/<operation>` in the
 * store. Readers go by position, so a slow one costs no memory; a restart loses nothing but a line that was being
 * written. Protocol: section 4.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync
} from "node:fs"
import { join } from "node:path"
import { makeFolders } from "../Folders.js"
import { linesOf } from "./EventLines.js"
import type { EventLine } from "./EventLines.js"
import { fromNanos } from "./Moment.js"

/**
 * The log of one operation could not be read or written. `missing` when there is no such log.
 *
 * @since 0.1.0
 * @category errors
 */
export class EventLogError extends Schema.TaggedError<EventLogError>("contree-local/EventLogError")("EventLogError", {
  operationId: Schema.String,
  missing: Schema.Boolean,
  description: Schema.String
}) {
  /** One line for a log or a terminal. */
  override get message(): string {
    return `the event log of operation ${this.operationId}: ${this.description}`
  }
}

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
 * Where reading ends.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadOptions {
  /** Wait for more until the log is closed. Default false: what is there now. */
  readonly follow?: boolean | undefined
  /**
   * For a log that another process writes, which nobody here is told about: is it over? Asked about every 100 ms.
   */
  readonly isOver?: Effect.Effect<boolean> | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface EventLog {
  /** A new log; closing the scope ends it for its followers. Fails when there is one of that name. */
  readonly create: (operationId: string) => Effect.Effect<Writer, EventLogError, Scope.Scope>
  /** Whole lines, in order, each once. */
  readonly read: (operationId: string, options?: ReadOptions) => Stream.Stream<EventLine, EventLogError>
  /** Forgets a log; none of that name is fine. */
  readonly remove: (operationId: string) => Effect.Effect<void>
  /** Is there a log of that name? */
  readonly has: (operationId: string) => Effect.Effect<boolean>
}

interface Live {
  size: number
  ended: boolean
  readonly waiting: Set<() => void>
}

const chunkSize = 64 * 1024
const pollInterval = "100 millis"

const wake = (live: Live): void => {
  const waiting = [...live.waiting]
  live.waiting.clear()
  for (const resume of waiting) resume()
}

const describe = (error: unknown): string => error instanceof Error ? error.message : String(error)

const failure = (operationId: string) => (error: unknown): EventLogError =>
  error instanceof EventLogError ? error : new EventLogError({
    operationId,
    missing: error instanceof Error && "code" in error && error.code === "ENOENT",
    description: describe(error)
  })

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
    const log: EventLog = {
      create: (operationId) => create(live, clock, operationId, pathOf(operationId)),
      read: (operationId, options) => read(live, operationId, pathOf(operationId), options ?? {}),
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
        closeSync(fd)
        live.ended = true
        logs.delete(operationId)
        wake(live)
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

const read = (
  logs: Map<string, Live>,
  operationId: string,
  path: string,
  options: ReadOptions
): Stream.Stream<EventLine, EventLogError> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    // looked up before the file is opened: a log that ends in between is read to its end all the same
    const live = logs.get(operationId)
    const fd = yield* Effect.acquireRelease(
      Effect.try({ try: () => openSync(path, constants.O_RDONLY), catch: failure(operationId) }),
      (fd) => Effect.sync(() => closeSync(fd))
    )
    let lines = linesOf()
    let position = 0
    // the end of the last whole line
    let whole = 0
    // another process may take back half a line that it could not finish (a full disk), and write another one there
    const forgetHalf = (): void => {
      lines = linesOf()
      position = whole
    }
    const step = Effect.try({
      try: (): Chunk.Chunk<EventLine> | undefined => {
        // half a line, just being written, is not for reading: own logs say how far they are whole
        const end = live?.size ?? fstatSync(fd).size
        if (position >= end) {
          if (live === undefined && position > whole) forgetHalf()
          return undefined
        }
        const buffer = Buffer.allocUnsafe(Math.min(chunkSize, end - position))
        const count = readSync(fd, buffer, 0, buffer.length, position)
        if (count === 0) throw new Error(`it ends after ${position} bytes, and ${end} were written to it`)
        const last = buffer.lastIndexOf(10, count - 1)
        if (last !== -1) whole = position + last + 1
        position += count
        return Chunk.unsafeFromArray(lines(buffer.subarray(0, count)))
      },
      catch: failure(operationId)
    }).pipe(Effect.mapError(Option.some))
    const wait = waitForMore(live, () => position, options)
    const pull: Effect.Effect<Chunk.Chunk<EventLine>, Option.Option<EventLogError>> = Effect.gen(function*() {
      while (true) {
        const chunk = yield* step
        if (chunk === undefined) {
          if (yield* wait) continue
          return yield* Effect.fail(Option.none())
        }
        if (Chunk.isNonEmpty(chunk)) return chunk
      }
    })
    return Stream.repeatEffectChunkOption(pull)
  }))

/** true: look again; false: that was all */
const waitForMore = (
  live: Live | undefined,
  position: () => number,
  options: ReadOptions
): Effect.Effect<boolean> => {
  if (options.follow !== true) return Effect.succeed(false)
  if (live !== undefined) {
    return Effect.async<boolean>((resume) => {
      if (live.size > position()) return resume(Effect.succeed(true))
      if (live.ended) return resume(Effect.succeed(false))
      const again = (): void => resume(Effect.succeed(!live.ended || live.size > position()))
      live.waiting.add(again)
      return Effect.sync(() => live.waiting.delete(again))
    })
  }
  const isOver = options.isOver
  if (isOver === undefined) return Effect.succeed(false)
  let last = false
  return Effect.suspend(() => {
    if (last) return Effect.succeed(false)
    return Effect.flatMap(isOver, (over) => {
      // what was written between the last look and the answer is still to be read
      last = over
      return over ? Effect.succeed(true) : Effect.as(Effect.sleep(pollInterval), true)
    })
  })
}
