/**
 * The processes of a box as the host sees them, through procfs.
 *
 * @since 0.1.0
 */
import { readFileSync } from "node:fs"

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

const boxPid = (pid: number): number | undefined => {
  try {
    const line = /^NSpid:(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    return line === undefined ? undefined : Number(line.trim().split(/\s+/).at(-1))
  } catch {
    return undefined
  }
}

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

/** Sends SIGKILL; a process (or group, when negative) that is gone already is what was wanted. */
export const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // ESRCH: gone. EPERM cannot be: they are ours
  }
}
