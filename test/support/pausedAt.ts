import { Effect, Fiber, Option } from "effect"
import type { Scheduler } from "effect"

/**
 * Runs it once for each of its steps: before that step it gives way to others, as a fiber may before any, and `event`
 * happens; at the latest when it waits. Gives what became of each. `most`: more steps than it takes.
 */
export const atEachStep = <T, A, E>(
  make: () => {
    readonly run: Effect.Effect<A, E>
    readonly event: (fiber: Fiber.RuntimeFiber<A, E>) => void
    readonly then: (fiber: Fiber.RuntimeFiber<A, E>) => T
  },
  most = 150
): ReadonlyArray<T> =>
  Array.from({ length: most }, (_, at) => {
    const { event, run, then } = make()
    const tasks: Array<() => void> = []
    let steps = 0
    let isDue = false
    let hasHappened = false
    const scheduler: Scheduler.Scheduler = {
      scheduleTask: (task) => void tasks.push(task),
      shouldYield: () => {
        if (steps++ !== at) return false
        isDue = true
        return 0
      }
    }
    const fiber = Effect.runFork(run, { scheduler })
    for (;;) {
      if (isDue || (tasks.length === 0 && !hasHappened)) {
        isDue = false
        if (!hasHappened) event(fiber)
        hasHappened = true
      }
      const task = tasks.shift()
      if (task === undefined) return then(fiber)
      task()
    }
  })

export const isOver = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean =>
  Option.isSome(Effect.runSync(Fiber.poll(fiber)))
