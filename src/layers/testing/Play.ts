/**
 * How a process goes on from the answer of its script to its end, by the program's clock and within the time it was
 * given.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Errors from "../../schemas/Errors.js"
import type { ExitStatus } from "../../schemas/ExitStatus.js"
import type { Piece, Reply } from "./Script.js"
import type { Task } from "./Task.js"

/** @internal */
export type Ending =
  | { readonly _tag: "Ended"; readonly exit: ExitStatus; readonly writes: Reply["writes"] }
  | { readonly _tag: "Failed"; readonly error: string }
  | { readonly _tag: "Cancelled" }

const timedOut: Ending = { _tag: "Ended", exit: { _tag: "TimedOut" }, writes: undefined }

/** of a process that was not given any time, for ever */
const remaining = (task: Task): Effect.Effect<Duration.Duration> =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    task.timeout === undefined
      ? Duration.infinity
      : Duration.millis(Math.max(0, task.startedAt + Duration.toMillis(task.timeout) - now)))

/** Goes on by itself: none when the time was over first. */
const within = <A, E>(task: Task, self: Effect.Effect<A, E>): Effect.Effect<Option.Option<A>, E> =>
  Effect.flatMap(
    remaining(task),
    (left) => Duration.isFinite(left) ? Effect.timeoutOption(self, left) : Effect.asSome(self)
  )

/** Is there time enough? What takes as long as it may is over in time. */
const pause = (task: Task, delay: Duration.DurationInput | undefined): Effect.Effect<boolean> => {
  const wanted = delay === undefined ? Duration.zero : Duration.decode(delay)
  if (Duration.equals(wanted, Duration.zero)) return Effect.succeed(true)
  return Effect.flatMap(remaining(task), (left) =>
    Duration.greaterThan(wanted, left)
      ? Effect.as(Effect.sleep(left), false)
      : Effect.as(Effect.sleep(wanted), true))
}

const say = (task: Task, piece: Piece): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeMillis, (now) => task.say(now, piece))

const list = (content: Reply["stdout"]): ReadonlyArray<string | Uint8Array> =>
  content === undefined ? [] : typeof content === "string" || content instanceof Uint8Array ? [content] : content

const isStream = (output: NonNullable<Reply["output"]>): output is Stream.Stream<Piece, Errors.ContreeError> =>
  Stream.StreamTypeId in output

/** All of the output: is there still time after it? */
const write = (task: Task, reply: Reply): Effect.Effect<boolean, Errors.ContreeError> =>
  Effect.gen(function*() {
    for (const stdout of list(reply.stdout)) yield* say(task, { stdout })
    for (const stderr of list(reply.stderr)) yield* say(task, { stderr })
    const output = reply.output ?? []
    if (isStream(output)) {
      const spoken = Stream.runForEach(output, (piece) =>
        Effect.zipRight(
          piece.delay === undefined ? Effect.void : Effect.sleep(piece.delay),
          say(task, piece)
        ))
      return Option.isSome(yield* within(task, spoken))
    }
    for (const piece of output) {
      if (!(yield* pause(task, piece.delay))) return false
      yield* say(task, piece)
    }
    return true
  })

const exitOf = (reply: Reply): ExitStatus => {
  const code = reply.exitCode ?? 0
  if (!Number.isInteger(code) || code < 0 || code > 255) {
    throw new Error(`ContreeTest: exitCode is ${code}; a command exits with 0 to 255, or otherwise: see \`exit\``)
  }
  return reply.exit ?? { _tag: "Exited", code }
}

const fromError = (error: Errors.ContreeError): Ending =>
  error._tag === "CancelledOperationError"
    ? { _tag: "Cancelled" }
    : {
      _tag: "Failed",
      error: (error._tag === "FailedOperationError" ? error.description : undefined) ?? error.message
    }

/**
 * Writes what the reply says, and tells how it ends. A defect is a mistake of the script.
 *
 * @internal
 */
export const play = (task: Task, answer: Effect.Effect<Reply, Errors.ContreeError>): Effect.Effect<Ending> =>
  Effect.gen(function*() {
    const reply = yield* within(task, answer)
    if (Option.isNone(reply)) return timedOut
    const { delay, failure, writes } = reply.value
    if (!(yield* write(task, reply.value)) || !(yield* pause(task, delay))) return timedOut
    const ending: Ending = failure === undefined
      ? { _tag: "Ended", exit: exitOf(reply.value), writes }
      : { _tag: "Failed", error: failure }
    return ending
  }).pipe(
    Effect.catchAll((error) => Effect.succeed(fromError(error))),
    // a handler that interrupts itself is a command that somebody stopped
    Effect.catchSomeCause((cause) =>
      Cause.isInterruptedOnly(cause) ? Option.some(Effect.succeed<Ending>({ _tag: "Cancelled" })) : Option.none()
    )
  )
