/**
 * Asking a script what a command does.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import { SyncScheduler } from "effect/Scheduler"
import type * as Errors from "../../schemas/Errors.js"
import type { Handler, Reply, Run } from "./Script.js"

/** @internal */
export interface Begun {
  readonly answer: Effect.Effect<Reply, Errors.ContreeError>
  /** what came without waiting */
  readonly atOnce: Option.Option<Exit.Exit<Reply, Errors.ContreeError>>
  readonly stop: Effect.Effect<void>
}

const isEffect = (
  answer: Reply | Effect.Effect<Reply, Errors.ContreeError>
): answer is Effect.Effect<Reply, Errors.ContreeError> => Effect.isEffect(answer)

/**
 * In a fiber of its own, which goes as far as it can right now: so it shows whether the handler decides about the request
 * or is a command that goes on.
 *
 * @internal
 */
export const begin = (handler: Handler, run: Run): Effect.Effect<Begun> =>
  Effect.gen(function*() {
    const scheduler = new SyncScheduler()
    const asked = Effect.suspend(() => {
      const answer = handler(run)
      return isEffect(answer) ? answer : Effect.succeed(answer)
    })
    const fiber = yield* Effect.withScheduler(Effect.forkDaemon(Effect.interruptible(asked)), scheduler)
    scheduler.flush()
    return {
      answer: Effect.flatten(Fiber.await(fiber)),
      atOnce: yield* fiber.poll,
      stop: Effect.asVoid(Fiber.interrupt(fiber))
    }
  })
