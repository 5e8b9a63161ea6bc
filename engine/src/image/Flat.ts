/**
 * Many layers made into one. Each layer of an overlay costs a look-up for every name that is not there, and a mount takes
 * some 490 at most: a long chain of runs is cut short from time to time. No data is copied, files are linked; their link
 * counts show it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as fs from "node:fs"
import type { Stats } from "node:fs"
import type { StoreError } from "../store/StoreError.js"
import { fromCause } from "../store/StoreError.js"
import { isRoot } from "../store/Privilege.js"
import type { Bytes } from "./HostBytes.js"
import { fromText, isDenied, isTooDeep, toBuffer } from "./HostBytes.js"
import type { Layer } from "./Layer.js"
import * as MergedTree from "./MergedTree.js"
import * as Steps from "./Steps.js"
import * as TarAttributes from "./TarAttributes.js"

interface Folder {
  readonly from: Bytes
  readonly to: Bytes
  readonly stats: Stats
}

const isFull = (cause: unknown): boolean => cause instanceof Error && "code" in cause && cause.code === "EMLINK"

const carry = (stats: Stats, from: Bytes, to: Bytes): void => {
  try {
    fs.linkSync(toBuffer(from), toBuffer(to))
  } catch (cause) {
    // a file has so many names at most: another one begins
    if (!isFull(cause) || !stats.isFile()) throw cause
    fs.copyFileSync(toBuffer(from), toBuffer(to), fs.constants.COPYFILE_EXCL)
    finish({ from, to, stats })
  }
}

const finish = ({ stats, to }: Folder): void => {
  const path = toBuffer(to)
  if (isRoot()) fs.chownSync(path, stats.uid, stats.gid)
  fs.chmodSync(path, stats.mode & 0o7777)
  fs.utimesSync(path, stats.atimeMs / 1000, stats.mtimeMs / 1000)
}

function* merge(node: MergedTree.Node, to: Bytes, folders: Array<Folder>): Steps.Steps<void> {
  fs.mkdirSync(toBuffer(to), { mode: 0o700 })
  folders.push({ from: node.host, to, stats: node.stats })
  for (const [name, child] of yield* MergedTree.children(node)) {
    yield
    const path = `${to}/${name}`
    if (child.stats.isDirectory()) yield* merge(child, path, folders)
    else carry(child.stats, child.host, path)
  }
}

const isOwn = (name: Bytes): boolean => !/^(trusted|user)\.overlay\./.test(name)

/** Nothing here could set them. */
const haveAttributes = (folders: ReadonlyArray<Folder>): Effect.Effect<boolean, StoreError> =>
  Effect.map(
    TarAttributes.read("/", folders.map(({ from }) => from)),
    (all) => all.some((attributes) => [...attributes.keys()].some(isOwn))
  )

const failed = fromCause("making one layer of many")

/**
 * Fills `to`, which is not there yet, with what the layers show, bottom first. None: they have what cannot be carried
 * over (folders with extended attributes, or that an ordinary user may not read, or deeper than a path may be), and stay
 * as they are; what is at `to` then is to be thrown away.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (layers: ReadonlyArray<Layer>, to: string): Effect.Effect<Option.Option<string>, StoreError> =>
  Effect.gen(function*() {
    const folders: Array<Folder> = []
    const merged = yield* Effect.tryPromise({
      try: () => Steps.inTurns(merge(MergedTree.root(layers), fromText(to), folders)),
      catch: (cause) => cause
    }).pipe(
      Effect.as(true),
      Effect.catchAll((cause) =>
        isDenied(cause) || isTooDeep(cause) ? Effect.succeed(false) : Effect.fail(failed(cause))
      )
    )
    if (!merged || (yield* haveAttributes(folders))) return Option.none()
    // the deepest first: a folder that nobody may write to takes nothing any more
    yield* Effect.try({ try: () => [...folders].reverse().forEach(finish), catch: failed })
    return Option.some(to)
  })
