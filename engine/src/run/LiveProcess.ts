/**
 * One process of a running box as requests see it: its input, and signals. Protocol: section 2.4.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { ProcessHandle } from "../box/Box.js"
import type { Writer } from "./EventLog.js"
import type { EventLogError } from "./EventLogError.js"
import * as OutputCut from "./OutputCut.js"
import { conflict } from "./Refusal.js"
import type { Refusal } from "./Refusal.js"
import * as RunEvents from "./RunEvents.js"

/**
 * What a process is given to read: bytes, and whether they are the last.
 *
 * @since 0.1.0
 * @category models
 */
export interface Input {
  readonly bytes: Uint8Array
  readonly close: boolean
}

/**
 * @since 0.1.0
 * @category models
 */
export interface LiveProcess {
  readonly spid: number
  /**
   * Feeds its standard input, in the order of the calls, and waits until the pipe took all of it. An interruption stops
   * between two pieces of 64 KiB: the one that is on its way stays so, and whoever writes next waits for it. So a process
   * that does not read holds one piece in memory, however often clients give up and write again. 409 when the input is closed or the process is over; a process that ends, or closes its
   * input, with some of it unread is no failure.
   */
  readonly write: (input: Input) => Effect.Effect<void, Refusal | EventLogError>
  /** Sends a signal, by its number, to the process and its whole group; 409 when it is over. */
  readonly signal: (signal: number) => Effect.Effect<void, Refusal>
  /** It is over. */
  readonly ended: () => void
}

const none = new Uint8Array(0)

/**
 * A process that has begun. Its input is logged as it is given, cut like output is.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly spid: number
  readonly handle: ProcessHandle
  readonly writer: Writer
  readonly isOpen: boolean
  readonly truncateAt: number
}): LiveProcess => {
  const { handle, spid, writer } = options
  const cut = OutputCut.make(options.truncateAt)
  // two writers must not mix their pieces
  const turn = Effect.unsafeMakeSemaphore(1)
  // the pipe has taken what it was given last, also what was given by somebody who has gone
  const room = Effect.unsafeMakeSemaphore(1)
  let closed = !options.isOpen
  let over = false

  const hasEnded = conflict(`process ${spid} has ended`)
  const check = Effect.suspend(() => {
    if (over) return Effect.fail(hasEnded)
    return closed ? Effect.fail(conflict(`the input of process ${spid} is closed`)) : Effect.void
  })

  const feed = (bytes: Uint8Array, close: boolean): Effect.Effect<void> =>
    Effect.catchAll(handle.writeStdin(bytes, close), () =>
      Effect.sync(() => {
        // it reads no more
        closed = true
      }))

  /** Waits for room, logs it, gives it, and waits until it is taken; from the log on, it is given whoever waits. */
  const give = <E>(
    bytes: Uint8Array,
    close: boolean,
    allowed: Effect.Effect<boolean, E>
  ): Effect.Effect<void, E | EventLogError> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        yield* restore(room.take(1))
        // before it is given: what the process answers comes after it in the log
        const logged = Effect.tap(allowed, (isAllowed) =>
          isAllowed
            ? Effect.forEach(cut.take(bytes), (chunk) => writer.append("stdin", spid, { ...chunk }), { discard: true })
            : Effect.void)
        if (!(yield* Effect.onError(logged, () => room.release(1)))) return yield* Effect.asVoid(room.release(1))
        if (close) closed = true
        const giving = yield* Effect.forkDaemon(
          Effect.interruptible(Effect.ensuring(feed(bytes, close), room.release(1)))
        )
        yield* restore(Fiber.join(giving))
      })
    )

  const write: LiveProcess["write"] = ({ bytes, close }) =>
    turn.withPermits(1)(Effect.gen(function*() {
      yield* check
      // it may have ended with the input of others still open, who would read what was meant for it
      const isThere = Effect.sync(() => !over && !closed)
      for (let at = 0; at < bytes.length; at += OutputCut.chunkBytes) {
        // nothing of it is given yet: what ended while it waited is refused
        yield* give(
          bytes.subarray(at, at + OutputCut.chunkBytes),
          false,
          at === 0 ? Effect.as(check, true) : isThere
        )
      }
      if (close) yield* give(none, true, isThere)
    }))

  return {
    spid,
    write,
    signal: (signal) => over ? Effect.fail(hasEnded) : Effect.mapError(handle.signal(signal), () => hasEnded),
    ended: () => {
      over = true
    }
  }
}

/**
 * Gives a process that has just begun what its request brought to read. One that was complete has it already: it is
 * logged, before anything that the process may say. An open one is fed by `fork`, since a process that does not read must
 * not hold up its own output; its end ends that too.
 *
 * @since 0.1.0
 * @category combinators
 */
export const feedFirst = (
  process: LiveProcess,
  request: {
    readonly stdin: Uint8Array | "open"
    readonly firstInput: Uint8Array
    readonly truncateAt: number
  },
  writer: Writer,
  fork: (feeding: Effect.Effect<void, EventLogError>) => Effect.Effect<void>
): Effect.Effect<void, EventLogError> => {
  if (request.firstInput.length === 0) return Effect.void
  if (request.stdin === "open") {
    const feeding = process.write({ bytes: request.firstInput, close: false })
    // a refusal is a process that is over already: then nobody reads it
    return fork(Effect.catchTag(feeding, "Refusal", () => Effect.void))
  }
  return Effect.forEach(
    RunEvents.stdin(request),
    (chunk) => writer.append("stdin", process.spid, { ...chunk }),
    { discard: true }
  )
}
