/**
 * Where files of a request would come to lie in an image, links followed as the box will follow them. What is found out
 * here is a refusal; in the box it would be a run that failed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { ImageTree } from "../image/ImageTree.js"
import { unprocessable } from "./Refusal.js"
import type { Refusal } from "./Refusal.js"

const maxLinks = 40

// made anew for every run: what is put there before is lost
const madeAnew = new Set(["dev", "proc", "sys"])

const namesOf = (path: string): ReadonlyArray<string> => path.split("/").filter((name) => name !== "" && name !== ".")

const refuse = (destination: string, why: string): Effect.Effect<never, Refusal> =>
  Effect.fail(unprocessable(`files: ${JSON.stringify(destination)} ${why}`))

const into = (name: string): string => `leads into /${name}: /dev, /proc and /sys are made anew for every run`

/** The folder that a path leads to, of which the last names may not be there yet. */
const folderOf = (tree: ImageTree, folder: string, destination: string): Effect.Effect<string, Refusal> =>
  Effect.gen(function*() {
    const left = [...namesOf(folder)]
    const at: Array<string> = []
    let links = 0
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      if (name === "..") {
        at.pop()
        continue
      }
      at.push(name)
      // whatever the image has in these, the box does not
      if (madeAnew.has(at[0]!)) return yield* refuse(destination, into(at[0]!))
      const entry = yield* Effect.option(tree.stat(`/${at.join("/")}`, { follow: false }))
      // not there: to be made, and so is all that is below. Unreadable: the box will say
      if (entry._tag === "None") continue
      if (entry.value.is_symlink) {
        links += 1
        if (links > maxLinks) return yield* refuse(destination, "goes through too many symbolic links")
        at.pop()
        if (entry.value.symlink_to.startsWith("/")) at.length = 0
        left.unshift(...namesOf(entry.value.symlink_to))
      } else if (!entry.value.is_dir) {
        return yield* refuse(destination, `cannot be: /${at.join("/")} is not a folder in the image`)
      }
    }
    return `/${at.join("/")}`
  })

const checkLast = (tree: ImageTree, path: string, destination: string): Effect.Effect<void, Refusal> =>
  Effect.flatMap(Effect.option(tree.stat(path, { follow: false })), (found) => {
    if (found._tag === "None") return Effect.void
    const { kind } = found.value
    if (kind === "directory") return refuse(destination, "is a folder in the image")
    return kind === "character" || kind === "block" ? refuse(destination, "is a device in the image") : Effect.void
  })

/**
 * Fails with 422 for the first that is a folder, a device, or below a link into /dev, /proc or /sys.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (tree: ImageTree, destinations: ReadonlyArray<string>): Effect.Effect<void, Refusal> => {
  // files of one request mostly share their folders
  const folders = new Map<string, string>()
  return Effect.forEach(destinations, (destination) =>
    Effect.gen(function*() {
      const cut = destination.lastIndexOf("/")
      const above = destination.slice(0, cut)
      const folder = folders.get(above) ?? (yield* folderOf(tree, above, destination))
      folders.set(above, folder)
      yield* checkLast(tree, `${folder === "/" ? "" : folder}/${destination.slice(cut + 1)}`, destination)
    }), { discard: true })
}
