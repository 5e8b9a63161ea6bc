/** A local folder that is there whole or not at all: filled under another name beside it, and renamed at the end. */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import type { Say, Target } from "./LocalFile.js"
import * as LocalFile from "./LocalFile.js"

/** Replacing a folder takes away all that is in it: nobody can mean the one that the program works in. */
const refuseCurrent = (
  { path: target }: Target,
  { fail }: Say
): Effect.Effect<void, PlatformError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const current = yield* fs.realPath(".")
    const way = path.relative(target, current)
    const isOutside = way === ".." || way.startsWith(`..${path.sep}`) || path.isAbsolute(way)
    if (!isOutside) {
      return yield* fail(
        "BadResource",
        "this is the current folder, or holds it, and would be replaced with all that is in it: name another"
      )
    }
  })

/**
 * `fill` makes the folder under the name it is given, and that becomes `to`. What was at `to` before is replaced with all
 * that is in it, if it may be, by two renames: for the moment between them nothing is there. After a failure or an
 * interruption all is as it was.
 */
export const make = <A, E, R>(
  to: string,
  overwrite: boolean,
  words: Say,
  fill: (folder: string) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | PlatformError, R | FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const target = yield* LocalFile.inspect(fs, to, overwrite, words)
    if (target.info !== undefined) yield* refuseCurrent(target, words)
    let holdsOld = false
    // Nobody else may enter the box, so nobody can put a link in the way of what is unpacked.
    const box = yield* Effect.acquireRelease(
      Effect.mapError(
        fs.makeTempDirectory({ directory: path.dirname(target.path), prefix: ".part-" }),
        words.about
      ),
      (box) =>
        holdsOld ? Effect.void : Effect.catchAll(
          fs.remove(box, { recursive: true, force: true }),
          (e) => Effect.logWarning(`The temporary folder ${box} could not be removed: ${e.message}`)
        )
    )
    const [fresh, old] = [path.join(box, "new"), path.join(box, "old")]
    const result = yield* fill(fresh)
    const moveIn = fs.rename(fresh, target.path)
    const putBack = Effect.suspend(() => {
      holdsOld = true
      return fs.rename(old, target.path)
    }).pipe(
      Effect.map(() => void (holdsOld = false)),
      Effect.catchAll(() => Effect.logError(`What was at ${target.path} is at ${old} now, and could not be put back`))
    )
    const swap = Effect.zipRight(fs.rename(target.path, old), Effect.tapError(moveIn, () => putBack))
    // Onto a folder with something in it, or a file, no folder can be renamed: what came meanwhile is safe.
    const moveToNew = Effect.catchAll(
      moveIn,
      (e) => Effect.flatMap(fs.exists(target.path), (there) => Effect.fail(there ? words.alreadyThere : e))
    )
    yield* (target.info === undefined ? moveToNew : swap).pipe(Effect.mapError(words.about), Effect.uninterruptible)
    return result
  }).pipe(Effect.scoped)
