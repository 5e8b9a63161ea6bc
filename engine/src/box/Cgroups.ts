/**
 * Bounds for the processes and the memory of a box, by cgroups where they can be made. Limits of single processes are no
 * replacement: RLIMIT_NPROC does nothing for real root, and RLIMIT_AS refuses programs that only reserve addresses.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs"
import * as Fs from "node:fs/promises"
import { totalmem } from "node:os"
import { makeFolders } from "../Folders.js"

/** What can be bounded. */
export type Kind = "processes" | "memory"

/** What a box may use. */
export interface Bounds {
  readonly processes: number
  /** Of all its processes together, with what they keep in a tmpfs. */
  readonly memoryBytes: number
}

/** Far above what builds and tests need, far below what a machine has. */
export const maxProcesses = 4_096

/** Three quarters of the memory of this machine, or of the container around the engine: something is left for others. */
export const defaultMemoryBytes = (): number => {
  const constrained = process.constrainedMemory()
  const machine = totalmem()
  return Math.floor((constrained > 0 && constrained < machine ? constrained : machine) * 0.75)
}

interface Setting {
  readonly file: string
  readonly value: string
  /** Some machines lack it: the bound holds all the same, but for swap. */
  readonly isOptional?: boolean
}

type Settings = Partial<Record<Kind, ReadonlyArray<Setting>>>

/** A folder in which each box gets a cgroup of its own. */
export interface Parent {
  readonly folder: string
  readonly settings: Settings
}

/** The cgroups of one box; none where nothing can be bounded. */
export type Groups = ReadonlyArray<string>

const processes = (bounds: Bounds): ReadonlyArray<Setting> => [{ file: "pids.max", value: String(bounds.processes) }]

const unified = "/sys/fs/cgroup"

/** By mount point: one tree for all controllers, or one for each. */
const hierarchies = (bounds: Bounds): Readonly<Record<string, Settings>> => ({
  [unified]: {
    processes: processes(bounds),
    memory: [
      { file: "memory.max", value: String(bounds.memoryBytes) },
      { file: "memory.swap.max", value: "0", isOptional: true }
    ]
  },
  [`${unified}/pids`]: { processes: processes(bounds) },
  [`${unified}/memory`]: {
    memory: [
      { file: "memory.limit_in_bytes", value: String(bounds.memoryBytes) },
      // memory and swap together: never less than the one before, so after it
      { file: "memory.memsw.limit_in_bytes", value: String(bounds.memoryBytes), isOptional: true }
    ]
  }
})

const controllers: Readonly<Record<Kind, string>> = { processes: "pids", memory: "memory" }

const kindsOf = (settings: Settings): ReadonlyArray<Kind> =>
  (["processes", "memory"] as const).filter((kind) => settings[kind] !== undefined)

const write = (group: string, settings: ReadonlyArray<Setting>): void => {
  for (const { file, isOptional, value } of settings) {
    try {
      writeFileSync(`${group}/${file}`, value)
    } catch (cause) {
      if (isOptional !== true) throw cause
    }
  }
}

const canBound = (folder: string, settings: ReadonlyArray<Setting>): boolean => {
  const probe = `${folder}/probe-${process.pid}`
  try {
    makeFolders(probe, 0o755)
    write(probe, settings)
    return true
  } catch {
    // read-only, another version of cgroups, or no such controller
    return false
  } finally {
    tryRemove(probe)
  }
}

/** Only where a controller is switched on already: the cgroups of a host are not ours to arrange. */
const usable = async (base: string, wanted: Settings): Promise<Parent> => {
  // Neither a machine without cgroups has it, nor the tmpfs that holds the mount points of one tree for each controller.
  await Fs.access(`${base}/cgroup.procs`)
  const folder = `${base}/contree-local`
  makeFolders(folder, 0o755)
  const settings: { -readonly [K in Kind]?: ReadonlyArray<Setting> } = {}
  for (const kind of kindsOf(wanted)) {
    if (base === unified) {
      await Fs.writeFile(`${folder}/cgroup.subtree_control`, `+${controllers[kind]}`).catch(() => {})
    }
    const its = wanted[kind] ?? []
    if (canBound(folder, its)) settings[kind] = its
  }
  return { folder, settings }
}

const staleMillis = 60_000

// an engine that was killed cannot remove the groups of its boxes; a group with a process in it cannot be removed
const sweep = async (folder: string): Promise<void> => {
  for (const name of await Fs.readdir(folder)) {
    const path = `${folder}/${name}`
    const found = await Fs.stat(path).catch(() => undefined)
    if (found?.isDirectory() === true && Date.now() - found.mtimeMs > staleMillis) await Fs.rmdir(path).catch(() => {})
  }
}

/** Where boxes get their cgroups on this machine: nowhere in user mode, since cgroups are root's. */
export const find = (mode: "root" | "user", bounds: Bounds): Effect.Effect<ReadonlyArray<Parent>> =>
  Effect.promise(async () => {
    if (mode === "user") return []
    const found: Array<Parent> = []
    for (const [base, settings] of Object.entries(hierarchies(bounds))) {
      try {
        const parent = await usable(base, settings)
        await sweep(parent.folder)
        if (kindsOf(parent.settings).length > 0) found.push(parent)
      } catch {
        // no such hierarchy here: the next
      }
    }
    return found
  })

/** What the cgroups in these folders bound. */
export const bounded = (parents: ReadonlyArray<Parent>): ReadonlySet<Kind> =>
  new Set(parents.flatMap(({ settings }) => kindsOf(settings)))

const tryRemove = (path: string): boolean => {
  try {
    rmdirSync(path)
    return true
  } catch (cause) {
    return cause instanceof Error && "code" in cause && cause.code === "ENOENT"
  }
}

const removeMillis = 5_000

const removeOne = async (path: string): Promise<void> => {
  // its processes are dead, but the kernel may not have counted them out yet; what stays is swept at the next start
  const began = performance.now()
  for (let pause = 2; !tryRemove(path) && performance.now() - began < removeMillis; pause = Math.min(50, 2 * pause)) {
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}

/** A missing bound is no reason not to run. */
const createIn = ({ folder, settings }: Parent, name: string): Groups => {
  const path = `${folder}/${name}`
  try {
    mkdirSync(path)
    for (const kind of kindsOf(settings)) write(path, settings[kind] ?? [])
    return [path]
  } catch {
    tryRemove(path)
    return []
  }
}

/** Puts a process into cgroups: not at once, since the kernel takes 10 to 20 ms for it. */
export const join = (groups: Groups, pid: number): Effect.Effect<void> =>
  Effect.forEach(
    groups,
    (group) => Effect.promise(() => Fs.writeFile(`${group}/cgroup.procs`, String(pid)).catch(() => {})),
    { concurrency: "unbounded", discard: true }
  )

/** Those of one box. */
export const create = (parents: ReadonlyArray<Parent>, name: string): Groups =>
  parents.flatMap((parent) => createIn(parent, name))

/** When its processes are dead. */
export const remove = async (groups: Groups): Promise<void> => {
  await Promise.all(groups.map((group) => tryRemove(group) ? undefined : removeOne(group)))
}
