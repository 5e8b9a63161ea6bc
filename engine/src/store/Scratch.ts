/**
 * What lies in `tmp`: work that no row speaks of yet. Each entry has an owner in the database before it is made, so that
 * whoever opens the store after a crash knows what nobody needs.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  renameSync,
  rmdirSync,
  unlinkSync
} from "node:fs"
import { fewEntries } from "../Folders.js"
import type { Database } from "./Database.js"
import * as HostCommand from "./HostCommand.js"
import { asBoxRoot } from "./Privilege.js"
import * as StoreError from "./StoreError.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Scratch {
  /**
   * Reserves `tmp/<name>`, absolute, for the scope; the caller makes it, a file or a folder. What is there when the
   * scope ends is removed.
   */
  readonly reserve: (name: string) => Effect.Effect<string, StoreError.StoreError, Scope.Scope>
}

/** Overlayfs makes them with mode 000, outermost first. No box can reach them. */
const locked = ["w/work", "w/work/incompat", "w/work/incompat/volatile"]

// what a process that removes more would take just to start
const mostEntries = 100

interface Removal {
  readonly device: number
  entriesLeft: number
}

/**
 * Empties a folder of few entries; throws when there are more, or something is in the way. Through descriptors, as `rm`
 * does: a process on its way down may put a link where a folder was, and what it leads to is not ours to remove.
 */
const empty = (folder: Buffer | string, removal: Removal): void => {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    if (fstatSync(fd).dev !== removal.device) throw new Error("another file system is mounted here")
    const opened = Buffer.from(`/proc/self/fd/${fd}/`)
    const entries = fewEntries(opened, removal.entriesLeft)
    if (entries === undefined) throw new Error("too many to remove here")
    removal.entriesLeft -= entries.length
    for (const entry of entries) {
      const path = Buffer.concat([opened, entry.name])
      if (entry.isFolder) {
        empty(path, removal)
        rmdirSync(path)
      } else unlinkSync(path)
    }
  } finally {
    closeSync(fd)
  }
}

const tryTo = (action: () => void): void => {
  try {
    action()
  } catch {
    // whoever asks looks whether it is gone
  }
}

/** Removes what a short run leaves without starting a process for it. Is it gone? */
const quick = (path: string): boolean => {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return true
  if (!stats.isDirectory()) tryTo(() => unlinkSync(path))
  else {
    for (const name of locked) tryTo(() => chmodSync(`${path}/${name}`, 0o700))
    tryTo(() => empty(path, { device: stats.dev, entriesLeft: mostEntries }))
    tryTo(() => rmdirSync(path))
  }
  return lstatSync(path, { throwIfNoEntry: false }) === undefined
}

/** Who is being killed may still make something in there, and is gone in a moment. */
const whileTheyDie = Schedule.spaced("20 millis").pipe(Schedule.intersect(Schedule.recurs(10)))

/**
 * Removes an entry of `tmp` and all below, whatever its names, modes and owners.
 *
 * @since 0.1.0
 * @category removal
 */
export const remove = (path: string): Effect.Effect<void, StoreError.StoreError> =>
  Effect.try({ try: () => quick(path), catch: StoreError.fromCause(`removing ${path}`) }).pipe(
    Effect.flatMap((done) =>
      done ? Effect.void : HostCommand.succeed(
        asBoxRoot("rm", "-rf", "--one-file-system", "--", path),
        { cwd: "/" }
      )
    ),
    Effect.retry(whileTheyDie),
    // whoever closes may hold the clock still
    Effect.withClock(Clock.make()),
    Effect.asVoid
  )

/**
 * A rename that also moves a folder that its owner may not write to: moving it changes its `..`.
 *
 * @since 0.1.0
 * @category moving
 */
export const move = (from: string, to: string): void => {
  const { mode } = lstatSync(from)
  const locked = (mode & 0o200) === 0
  if (locked) chmodSync(from, (mode & 0o7777) | 0o200)
  try {
    renameSync(from, to)
  } catch (cause) {
    if (locked) chmodSync(from, mode & 0o7777)
    throw cause
  }
  if (locked) chmodSync(to, mode & 0o7777)
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (store: string, database: Database, owner: number): Scratch => ({
  reserve: (name) => {
    const path = `${store}/tmp/${name}`
    const release = remove(path).pipe(
      Effect.zipRight(
        database.write(
          `forgetting tmp/${name}`,
          (connection) => connection.run("DELETE FROM scratch WHERE name = ? AND owner = ?", [name, owner])
        )
      ),
      // The row stays, and with it the next start's knowledge that this is to be removed.
      Effect.catchAll((error) => Effect.logWarning(`tmp/${name} could not be removed: ${error.message}`))
    )
    return Effect.acquireRelease(
      database.write(`reserving tmp/${name}`, (connection) => {
        if (
          connection.run("INSERT INTO scratch (name, owner) VALUES (?, ?) ON CONFLICT DO NOTHING", [name, owner]) === 0
        ) {
          throw new StoreError.StoreError({ reason: "Unusable", description: `tmp/${name} is in use already` })
        }
        return path
      }),
      () => release
    )
  }
})
