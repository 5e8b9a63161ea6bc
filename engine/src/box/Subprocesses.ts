/**
 * The processes that were brought into one box: begun while it is up, and over before it is.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { SubprocessHandlers } from "./Box.js"
import type { BoxError } from "./BoxReport.js"
import type { CommandSpec } from "./BoxSpec.js"
import * as Subprocess from "./Subprocess.js"

/** Those of one box. */
export interface Subprocesses {
  /** Brings one in, and is done when it is over. `NotRunning` when the box is gone. */
  readonly exec: (spec: CommandSpec, handlers: SubprocessHandlers) => Effect.Effect<void, BoxError>
  /** Kills the box with everything in it, and waits until all of them are over. */
  readonly close: Effect.Effect<void>
}

interface Entry {
  readonly done: Promise<void>
  end: () => void
}

/** None yet. */
export const make = (box: Subprocess.Surroundings): Subprocesses => {
  const entries = new Set<Entry>()
  let number = 0
  let over = false
  return {
    exec: (spec, handlers) =>
      Effect.suspend(() => {
        if (over || box.chain.hasExited()) return Effect.fail(Subprocess.notRunning())
        let finish = (): void => {}
        const done = new Promise<void>((resolve) => {
          finish = resolve
        })
        const entry: Entry = { done, end: () => {} }
        entries.add(entry)
        number += 1
        return Subprocess.run(box, number, spec, handlers, (end) => {
          entry.end = end
          if (over) end()
        }).pipe(Effect.ensuring(Effect.sync(() => {
          entries.delete(entry)
          finish()
        })))
      }),
    close: Effect.promise(async () => {
      over = true
      // first: only a box that is gone lets go of those that are in it
      await box.chain.killAll()
      for (const entry of entries) entry.end()
      await Promise.all([...entries].map(({ done }) => done))
    })
  }
}
