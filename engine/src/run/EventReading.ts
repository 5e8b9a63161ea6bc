/**
 * Reading the log of an operation, while it is written or later. It is pulled: whoever wants a stream makes one of that,
 * and who answers requests all day goes through no machine for it.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import { linesOf } from "./EventLines.js"
import type { EventLine } from "./EventLines.js"
import { failure } from "./EventLogError.js"
import type { EventLogError } from "./EventLogError.js"

/**
 * A log that this process writes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Live {
  /** how far it is whole, in bytes */
  size: number
  ended: boolean
  /** to be called when either changes, once */
  readonly waiting: Set<() => void>
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
  /** Give an empty chunk after so long without a line, in milliseconds. Default: never. */
  readonly idleMillis?: number | undefined
}

/**
 * The next lines, in order, each once; fails with nothing at the end.
 *
 * @since 0.1.0
 * @category models
 */
export type Pull = Effect.Effect<Chunk.Chunk<EventLine>, Option.Option<EventLogError>>

const chunkSize = 64 * 1024
const pollInterval = "100 millis"

/** Whoever reads a long log without a pause, to its end or past all that he has, keeps nobody else waiting. */
const nextTurn = Effect.async<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

/** What is there by now, and `undefined` when there is nothing more. */
const reader = (
  live: Live | undefined,
  operationId: string,
  fd: number
): { readonly step: Effect.Effect<Chunk.Chunk<EventLine> | undefined, EventLogError>; readonly at: () => number } => {
  let lines = linesOf()
  let position = 0
  // the end of the last whole line
  let whole = 0
  // another process may take back half a line that it could not finish (a full disk), and write another one there
  const forgetHalf = (): void => {
    lines = linesOf()
    position = whole
  }
  // the last read got as much as it may: there is more, and it was not waited for
  let full = false
  const read = (): Chunk.Chunk<EventLine> | undefined => {
    full = false
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
    full = count === chunkSize
    return Chunk.unsafeFromArray(lines(buffer.subarray(0, count)))
  }
  const step = Effect.try({ try: read, catch: failure(operationId) })
  return {
    step: Effect.suspend(() => full ? Effect.zipRight(nextTurn, step) : step),
    at: () => position
  }
}

/** true: look again, at the latest after so many milliseconds; false: that was all */
type Wait = (millis: number) => Effect.Effect<boolean>

const forLive = (live: Live, at: () => number): Wait => (millis) =>
  Effect.async<boolean>((resume) => {
    if (live.size > at()) return resume(Effect.succeed(true))
    if (live.ended) return resume(Effect.succeed(false))
    const stop = (): void => {
      clearTimeout(timer)
      live.waiting.delete(again)
    }
    const again = (): void => {
      stop()
      resume(Effect.succeed(!live.ended || live.size > at()))
    }
    const timer = Number.isFinite(millis) ? setTimeout(again, millis) : undefined
    live.waiting.add(again)
    return Effect.sync(stop)
  })

const forOthers = (isOver: Effect.Effect<boolean>): Wait => {
  let last = false
  return () =>
    Effect.suspend(() => {
      if (last) return Effect.succeed(false)
      return Effect.flatMap(isOver, (over) => {
        // what was written between the last look and the answer is still to be read
        last = over
        return over ? Effect.succeed(true) : Effect.as(Effect.sleep(pollInterval), true)
      })
    })
}

const waitFor = (live: Live | undefined, at: () => number, { follow, isOver }: ReadOptions): Wait => {
  if (follow === true && live !== undefined) return forLive(live, at)
  return follow === true && isOver !== undefined ? forOthers(isOver) : () => Effect.succeed(false)
}

/**
 * Opens the log in `path` for the time of the scope. `live`, where it is one of this process, is to be looked up before:
 * a log that ends in between is read to its end all the same.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (
  live: Live | undefined,
  operationId: string,
  path: string,
  options: ReadOptions
): Effect.Effect<Pull, EventLogError, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.try({ try: () => openSync(path, constants.O_RDONLY), catch: failure(operationId) }),
      (fd) => Effect.sync(() => closeSync(fd))
    ),
    (fd) => {
      const { at, step } = reader(live, operationId, fd)
      const wait = waitFor(live, at, options)
      const { idleMillis = Infinity } = options
      const read = Effect.mapError(step, Option.some)
      return Effect.suspend(() => {
        const asked = performance.now()
        const next: Pull = Effect.flatMap(read, (chunk): Pull => {
          // half a line
          if (chunk !== undefined) return Chunk.isEmpty(chunk) ? next : Effect.succeed(chunk)
          const left = idleMillis - (performance.now() - asked)
          if (left <= 0) return Effect.succeed(Chunk.empty())
          return Effect.flatMap(wait(left), (isMore) => isMore ? next : Effect.fail(Option.none()))
        })
        return next
      })
    }
  )
