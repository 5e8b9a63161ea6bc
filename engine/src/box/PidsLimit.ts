/**
 * A bound for the number of processes in a box, by a cgroup where one can be made. RLIMIT_NPROC is none for real root.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs"
import * as Fs from "node:fs/promises"
import { makeFolders } from "../Folders.js"

/** Far above what builds and tests need, far below what a machine has. */
export const maxProcesses = 4_096

const staleMillis = 60_000

// only where the controller is switched on already: the cgroups of a host are not ours to arrange
const bases = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"]

const usable = async (base: string): Promise<string> => {
  // sysfs without cgroups mounted takes no folder, and a machine without them has no such path
  await Fs.access(base)
  const folder = `${base}/contree-local`
  makeFolders(folder, 0o755)
  if (base === "/sys/fs/cgroup") await Fs.writeFile(`${folder}/cgroup.subtree_control`, "+pids")
  const probe = `${folder}/probe-${process.pid}`
  makeFolders(probe, 0o755)
  try {
    await Fs.writeFile(`${probe}/pids.max`, String(maxProcesses))
  } finally {
    await Fs.rmdir(probe).catch(() => {})
  }
  return folder
}

// an engine that was killed cannot remove the groups of its boxes; a group with a process in it cannot be removed
const sweep = async (folder: string): Promise<void> => {
  for (const name of await Fs.readdir(folder)) {
    const path = `${folder}/${name}`
    const found = await Fs.stat(path).catch(() => undefined)
    if (found?.isDirectory() === true && Date.now() - found.mtimeMs > staleMillis) await Fs.rmdir(path).catch(() => {})
  }
}

/** The cgroup under which boxes get their own, or `undefined` where this machine gives none (always in user mode). */
export const find = (mode: "root" | "user"): Effect.Effect<string | undefined> =>
  Effect.promise(async () => {
    if (mode === "user") return undefined
    for (const base of bases) {
      try {
        const folder = await usable(base)
        await sweep(folder)
        return folder
      } catch {
        // read-only, another version, or no such controller: the next
      }
    }
    return undefined
  })

const tryRemove = (path: string): boolean => {
  try {
    rmdirSync(path)
    return true
  } catch (cause) {
    return cause instanceof Error && "code" in cause && cause.code === "ENOENT"
  }
}

const remove = async (path: string): Promise<void> => {
  // its processes are dead, but the kernel may not have counted them out yet
  for (let tries = 0; tries < 100 && !tryRemove(path); tries++) await new Promise((resolve) => setTimeout(resolve, 2))
}

const create = (path: string): string => {
  try {
    mkdirSync(path)
    writeFileSync(`${path}/pids.max`, String(maxProcesses))
    return path
  } catch {
    return ""
  }
}

/** Puts a process into a cgroup: not at once, since the kernel takes 10 to 20 ms for it. */
export const join = (group: string, pid: number): Effect.Effect<void> =>
  group === ""
    ? Effect.void
    : Effect.promise(() => Fs.writeFile(`${group}/cgroup.procs`, String(pid)).catch(() => {}))

/** A cgroup for the time of `use`, `""` where there is none: a missing bound is no reason not to run. */
export const withGroup = <A, E, R>(
  folder: string | undefined,
  name: string,
  use: (group: string) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  folder === undefined ? use("") : Effect.acquireUseRelease(
    Effect.sync(() => create(`${folder}/${name}`)),
    use,
    (group) => group === "" || tryRemove(group) ? Effect.void : Effect.promise(() => remove(group))
  )
