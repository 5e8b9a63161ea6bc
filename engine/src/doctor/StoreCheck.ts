/**
 * Can layers live in this folder? The kind of file system is a hint; an overlay that was really mounted is the answer.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import type { Stats } from "node:fs"
import { existsSync, statSync } from "node:fs"
import { rm, statfs } from "node:fs/promises"
import { dirname } from "node:path"
import type { Mode } from "../box/Chain.js"
import { mountOptions } from "../box/Chain.js"
import type { Tools } from "../box/Tools.js"
import * as Text from "../cli/Text.js"
import { makeFolders } from "../Folders.js"
import * as FileSystems from "../store/FileSystems.js"
import { type AttemptError, attemptError, firstLine, inNamespaces, needsUserXattr, withScratch } from "./Attempts.js"
import type { Check } from "./Doctor.js"

const kinds: Record<number, string> = {
  0x01021994: "tmpfs",
  0xef53: "ext4",
  0x58465342: "XFS",
  0x9123683e: "btrfs",
  0x2fc12fc1: "ZFS",
  0xf2f52010: "F2FS"
}

const named = "ContreeLocal.layer({ store: \"/path\" }), or contree-local doctor --store /path to check it first"

const elsewhere =
  `put the store on a local disk (ext4, xfs or btrfs): ${named}. In a container: mount a volume there ` +
  "(docker run -v contree-store:/var/lib/contree), because a container's own root is an overlay"

const lowSpaceBytes = 1_000_000_000

// removing a lower folder and making it again needs the opaque mark: the one thing that a wrong xattr option breaks
const script = (options: string, folder: string): string =>
  `mkdir -p ${folder}/l/d && : > ${folder}/l/d/f && ` +
  `mount -n -t overlay overlay -o '${options}' mnt && rm -rf mnt/d && mkdir mnt/d && [ -z "$(ls mnt/d)" ]`

const tryOverlay = (store: string, mode: Mode, tools: Tools): Effect.Effect<string | undefined, AttemptError> =>
  withScratch(store, mode, tools, (folder) =>
    Effect.gen(function*() {
      const options = mountOptions(
        { layers: [`${folder}/l`], upper: `${folder}/u`, work: `${folder}/w` },
        yield* needsUserXattr(mode)
      )
      const { code, output } = yield* inNamespaces(mode, tools, script(options, folder), store)
      return code === 0 ? undefined : firstLine(output) || `exit code ${code}`
    }))

const failed = (detail: string, fix: string): Check => ({ name: "store", status: "failed", detail, fix })

const checkOwner = (store: string, found: Stats): Check | undefined => {
  if (found.uid !== process.getuid?.()) {
    return failed(`${store} belongs to uid ${found.uid}`, `choose a folder of your own: ${named}`)
  }
  return (found.mode & 0o077) === 0 ? undefined : failed(
    `${store} is open to other users (mode ${(found.mode & 0o777).toString(8)}), and it holds the files of every image`,
    `chmod 700 ${store}`
  )
}

const inspect = async (
  store: string,
  probe: string
): Promise<Check | { readonly kind: string; readonly free: number }> => {
  const fs = await statfs(probe)
  const refused = FileSystems.refused.get(fs.type)
  return refused !== undefined
    ? failed(`${store} is on ${refused}, which cannot carry the upper layer of an overlay`, elsewhere)
    : { kind: kinds[fs.type] ?? `file system 0x${fs.type.toString(16)}`, free: fs.bavail * fs.bsize }
}

const nearest = (path: string): string => existsSync(path) || dirname(path) === path ? path : nearest(dirname(path))

/**
 * Where to try things for a store: the store itself when it is one, else a folder on the same disk
 * that goes with the check. A check with the rights of root must not leave a folder that its owner cannot use.
 *
 * @since 0.1.0
 */
export const withProbe = <A>(
  store: string,
  use: (probe: string) => Effect.Effect<A>
): Effect.Effect<A, AttemptError> =>
  existsSync(`${store}/contree.db`) ? use(store) : Effect.acquireUseRelease(
    Effect.try({
      try: () => {
        const probe = `${nearest(store)}/.doctor-${process.pid}-${randomBytes(6).toString("hex")}`
        makeFolders(probe, 0o700)
        return probe
      },
      catch: attemptError
    }),
    use,
    // What was in it is gone already, by whoever was allowed to remove it.
    (probe) => Effect.promise(() => rm(probe, { recursive: true, force: true }).catch(() => undefined))
  )

/** Complaints before anything is made. */
export const refuseStore = (store: string): Check | undefined => {
  if (!store.startsWith("/")) return failed(`${store} is not an absolute path`, "give the whole path")
  const found = statSync(store, { throwIfNoEntry: false })
  return found?.isDirectory() ? checkOwner(store, found) : undefined
}

/** What is to be said when nothing can be made there. */
export const unwritable = (store: string, error: AttemptError): Check =>
  failed(`${store}: ${error.message}`, "choose a folder you can write to")

/** Mounts an overlay on `probe`, which stands for the store. */
export const checkStore = (store: string, probe: string, mode: Mode, tools: Tools): Effect.Effect<Check> =>
  Effect.gen(function*() {
    const found = yield* Effect.tryPromise({
      try: () => inspect(store, probe),
      catch: attemptError
    })
    if ("status" in found) return found
    const complaint = yield* tryOverlay(probe, mode, tools)
    if (complaint !== undefined) {
      return failed(`an overlay on ${store} (${found.kind}) was refused: ${complaint}`, elsewhere)
    }
    const free = `${Text.bytes(found.free)} free`
    return found.free < lowSpaceBytes
      ? {
        name: "store",
        status: "warning" as const,
        detail: `${store}: ${found.kind}, overlays work, only ${free}`,
        fix: "free some space, or move the store"
      }
      : {
        name: "store",
        status: "ok" as const,
        detail: `${store}: ${found.kind}, overlays work, ${free}`,
        fix: undefined
      }
  }).pipe(
    Effect.catchAll((error) => Effect.succeed(unwritable(store, error)))
  )
