import { ContreeLocal } from "contree-local"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { afterAll, onTestFinished } from "vitest"
import { getCurrentTest } from "vitest/suite"

/** A store gone after the test that asked for it; after those of the file when none was running. */
export const temporaryStore = (): string => {
  const store = Fs.mkdtempSync(Path.join(Os.tmpdir(), "contree-test-"))
  const remove = () => Fs.rmSync(store, { recursive: true, force: true })
  if (getCurrentTest() === undefined) afterAll(remove)
  else onTestFinished(remove)
  return store
}

/** The embedded engine on a store of its own. */
export const engineLayer = () => ContreeLocal.layer({ store: temporaryStore() })

/** Every process on this machine whose command line or environment holds `mark`, other than this one. */
export const processesWith = (mark: string): ReadonlyArray<string> =>
  Fs.readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid).flatMap((pid) => {
    try {
      const line = Fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
      return line.includes(mark) ? [`${pid} ${line}`] : []
    } catch {
      return []
    }
  })

/** Every mount of this machine's name space that names `mark`. */
export const mountsWith = (mark: string): ReadonlyArray<string> =>
  Fs.readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter((line) => line.includes(mark))

const realPause = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 10)))

/**
 * Looks again until it holds; the last look's answer. The bound is of real time, whatever clock the test has, and for what
 * is broken, not for a slow machine.
 */
export const eventually = <A, E, R>(
  look: Effect.Effect<A, E, R>,
  holds: (value: A) => boolean
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const end = Date.now() + 200_000
    const again: Effect.Effect<A, E, R> = Effect.flatMap(
      look,
      (value) => holds(value) || Date.now() >= end ? Effect.succeed(value) : Effect.zipRight(realPause, again)
    )
    return again
  })
