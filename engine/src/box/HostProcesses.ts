/**
 * The processes of a box as the host sees them, through procfs.
 *
 * @since 0.1.0
 */
import { readFileSync, readlinkSync } from "node:fs"

/** The children of a process; none when it is gone. */
export const children = (pid: number): ReadonlyArray<number> => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter((part) => part !== "").map(
      Number
    )
  } catch {
    return []
  }
}

/** Its ids, from this process's pid namespace inwards; none when it is gone. */
const pidsOf = (pid: number): ReadonlyArray<number> => {
  try {
    const line = /^NSpid:(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    return line === undefined ? [] : line.trim().split(/\s+/).map(Number)
  } catch {
    return []
  }
}

const boxPid = (pid: number): number | undefined => pidsOf(pid).at(-1)

/**
 * The host's id of the command: unshare, bubblewrap, the box's init, `time` (2), the command. `undefined` when it is gone
 * or not there yet.
 */
export const commandPid = (chain: number, pid: number): number | undefined => {
  for (const bwrap of children(chain)) {
    for (const init of children(bwrap)) {
      for (const time of children(init)) {
        if (boxPid(time) !== 2) continue
        return children(time).find((candidate) => boxPid(candidate) === pid)
      }
    }
  }
  return undefined
}

/**
 * The host's id of a process that `nsenter` (the given one) brought in: `time`, the command. `undefined` when it is gone.
 */
export const enteredPid = (nsenter: number, pid: number): number | undefined => {
  for (const time of children(nsenter)) {
    const found = children(time).find((candidate) => boxPid(candidate) === pid)
    if (found !== undefined) return found
  }
  return undefined
}

/** Where a box can be entered. */
export interface Entrance {
  /** The bubblewrap outside of the box, in the mount namespace of the chain. */
  readonly outer: number
  /** The box's init, by its id in the chain's pid namespace, whose procfs that mount namespace has. */
  readonly initInChain: number
  /** The options of `nsenter` for every namespace that is the box's own. */
  readonly namespaces: ReadonlyArray<string>
}

const namespaceOptions: Readonly<Record<string, string>> = {
  mnt: "-m",
  uts: "-u",
  ipc: "-i",
  net: "-n",
  pid: "-p",
  cgroup: "-C"
}

// an ordinary user may not even enter the namespace that they are in, when it is the host's
const isOwn = (pid: number, name: string): boolean =>
  readlinkSync(`/proc/${pid}/ns/${name}`) !== readlinkSync(`/proc/self/ns/${name}`)

/** The entrance to the box of a chain; `undefined` when it is gone. */
export const entranceOf = (chain: number): Entrance | undefined => {
  try {
    for (const outer of children(chain)) {
      for (const init of children(outer)) {
        const [, initInChain, inBox] = pidsOf(init)
        if (initInChain === undefined || inBox !== 1) continue
        const own = Object.entries(namespaceOptions).filter(([name]) => isOwn(init, name))
        return { outer, initInChain, namespaces: own.map(([, option]) => option) }
      }
    }
  } catch {
    // its end came while we looked
  }
  return undefined
}

/** Sends SIGKILL; a process (or group, when negative) that is gone already is what was wanted. */
export const kill = (pid: number): void => {
  trySignal(pid, "SIGKILL")
}

/** False as soon as it is dead, whoever has looked. */
export const isAlive = (pid: number): boolean => {
  try {
    return readlinkSync(`/proc/${pid}/root`) !== ""
  } catch {
    return false
  }
}

/** Also true of one that has ended, and whose parent has not looked yet. */
export const isThere = (pid: number): boolean => trySignal(pid, 0)

const trySignal = (pid: number, signal: number | "SIGKILL"): boolean => {
  try {
    return process.kill(pid, signal)
  } catch {
    // ESRCH: gone. EPERM cannot be: they are ours
    return false
  }
}

/** Sends a signal to a command and all of its group, once each; false when it is gone. */
export const signalGroup = (pid: number, signal: number): boolean =>
  // in its very first moments it has no group of its own yet
  trySignal(-pid, signal) || trySignal(pid, signal)
