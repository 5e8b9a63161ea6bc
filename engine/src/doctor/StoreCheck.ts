/**
 * Can layers live in this folder? The kind of file system is a hint; an overlay that was really mounted is the answer.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { stat, statfs } from "node:fs/promises"
import type { Mode } from "../box/Chain.js"
import { mountOptions } from "../box/Chain.js"
import type { Tools } from "../box/Tools.js"
import { makeFolders } from "../Folders.js"
import { type AttemptError, attemptError, firstLine, inNamespaces, needsUserXattr, withScratch } from "./Attempts.js"
import type { Check } from "./Doctor.js"

const kinds: Record<number, string> = {
  0x794c7630: "overlayfs",
  0x6969: "NFS",
  0x65735546: "FUSE",
  0x01021997: "9p",
  0xff534d42: "CIFS",
  0xfe534d42: "SMB",
  0x01021994: "tmpfs",
  0xef53: "ext4",
  0x58465342: "XFS",
  0x9123683e: "btrfs",
  0x2fc12fc1: "ZFS",
  0xf2f52010: "F2FS"
}
const refusedKinds: ReadonlySet<string> = new Set(["overlayfs", "NFS", "FUSE", "9p", "CIFS", "SMB"])

const elsewhere =
  "put the store on a local disk: contree-local --store /path/on/ext4, xfs or btrfs. In a container: mount a " +
  "volume there (docker run -v contree-store:/var/lib/contree), because a container's own root is an overlay"

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

const inspect = async (store: string): Promise<Check | { readonly kind: string; readonly free: number }> => {
  if (!store.startsWith("/")) return failed(`${store} is not an absolute path`, "give the whole path")
  makeFolders(store, 0o700)
  const found = await stat(store)
  if (found.uid !== process.getuid?.()) {
    return failed(`${store} belongs to uid ${found.uid}`, "choose a folder of your own: contree-local --store ...")
  }
  if ((found.mode & 0o077) !== 0) {
    return failed(
      `${store} is open to other users (mode ${
        (found.mode & 0o777).toString(8)
      }), and it holds the files of every image`,
      `chmod 700 ${store}`
    )
  }
  const fs = await statfs(store)
  const kind = kinds[fs.type] ?? `file system 0x${fs.type.toString(16)}`
  return refusedKinds.has(kind)
    ? failed(`${store} is on ${kind}, which cannot carry the upper layer of an overlay`, elsewhere)
    : { kind, free: fs.bavail * fs.bsize }
}

/** Makes the store if need be and mounts an overlay on it. */
export const checkStore = (store: string, mode: Mode, tools: Tools): Effect.Effect<Check> =>
  Effect.gen(function*() {
    const found = yield* Effect.tryPromise({
      try: () => inspect(store),
      catch: attemptError
    })
    if ("status" in found) return found
    const complaint = yield* tryOverlay(store, mode, tools)
    if (complaint !== undefined) {
      return failed(`an overlay on ${store} (${found.kind}) was refused: ${complaint}`, elsewhere)
    }
    const free = `${(found.free / 1e9).toFixed(1)} GB free`
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
    Effect.catchAll((error) => Effect.succeed(failed(`${store}: ${error.message}`, "choose a folder you can write to")))
  )
