import { readdirSync, readlinkSync } from "node:fs"

/** How many descriptors of this process lead to what begins with a path. */
export const openFiles = (path: string): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path)
    } catch {
      return false
    }
  }).length
