/**
 * Watches how much a run writes. The file system's free space is asked often, because that is cheap, and the layer itself
 * is measured when something on that file system wrote at least half of what the run may. That is a hint and no more: what
 * others free meanwhile hides what the run writes. So it is also measured now and then, and always at the end.
 *
 * @since 0.1.0
 */
import { execFile } from "node:child_process"
import { lstatSync, statfsSync } from "node:fs"
import { fewEntries } from "../Folders.js"
import type { Mode } from "./Chain.js"
import { chainPath, type Tools } from "./Tools.js"

const intervalMillis = 40
// without a hint: a layer is measured so often at least
const unhintedMillis = 1_000

/** A running meter. */
export interface SizeMeter {
  /** A last look, after everything in the box is dead. */
  readonly finish: () => Promise<number | undefined>
  /** Ends a measurement that is going on, and waits until its processes are dead. */
  readonly stop: () => Promise<void>
}

interface Options {
  readonly store: string
  readonly upper: string
  readonly limitBytes: number
  readonly mode: Mode
  readonly tools: Tools
  /** Called once, with the size of the layer. */
  readonly onExceeded: (bytes: number) => void
}

const used = (store: string): number => {
  const stats = statfsSync(store)
  return (stats.blocks - stats.bfree) * stats.bsize
}

const startingPoint = (store: string): number => {
  try {
    return used(store)
  } catch {
    // then the layer is measured at every look
    return Number.NEGATIVE_INFINITY
  }
}

// what a short run wrote is looked through in less time than a process takes to start
const mostEntries = 100

/** Surely within the limit? False when there is too much to say so at a glance, or it cannot be read. */
const isSurelySmall = (options: Options): boolean => {
  let left = mostEntries
  let bytes = 0
  const add = (path: Buffer): void => {
    const stats = lstatSync(path)
    bytes += stats.blocks * 512
    if (!stats.isDirectory()) return
    const entries = fewEntries(path, left)
    if (entries === undefined) throw new Error("too many for a glance")
    left -= entries.length
    for (const { name } of entries) add(Buffer.concat([path, Buffer.from("/"), name]))
  }
  try {
    add(Buffer.from(`${options.store}/${options.upper}`))
    return bytes <= options.limitBytes
  } catch {
    return false
  }
}

interface Measurement {
  readonly bytes: Promise<number>
  readonly kill: () => void
}

// busybox' du and not a walk of ours: in a user's store there are folders that only the box's own root can enter
const measure = (options: Options): Measurement => {
  const [file = "", ...args] = [
    ...(options.mode === "user" ? [options.tools.unshare, "-U", "-r"] : []),
    ...[options.tools.busybox, "du", "-s", "-k", "-x", `${options.store}/${options.upper}`]
  ]
  let kill = (): void => {}
  const bytes = new Promise<number>((resolve, reject) => {
    // a chain of execs, one process: to kill it is enough
    const child = execFile(file, args, { env: { PATH: chainPath } }, (error, stdout) => {
      const size = /(\d+)\s[^\n]*\n?$/.exec(stdout)?.[1]
      // files vanish while they are counted: du complains and counts on. One that says nothing has not counted
      if (size === undefined) reject(error ?? new Error("du said nothing"))
      else resolve(Number(size) * 1024)
    })
    kill = () => void child.kill("SIGKILL")
  })
  return { bytes, kill }
}

/** Starts watching. A look that fails is one that the next look makes good. */
export const start = (options: Options): SizeMeter => {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let running: Measurement | undefined
  let nextMeasure = 0
  let nextUnhinted = performance.now() + unhintedMillis
  // the least that was in use: what others free is not counted against what this run writes
  let before = startingPoint(options.store)

  const isDue = (): boolean => {
    const now = used(options.store)
    before = Math.min(before, now)
    const hinted = now - before >= options.limitBytes / 2
    return performance.now() >= (hinted ? nextMeasure : Math.max(nextMeasure, nextUnhinted))
  }
  const size = async (): Promise<number> => {
    const started = performance.now()
    running = measure(options)
    try {
      return await running.bytes
    } finally {
      running = undefined
      // a large layer takes long to measure: at most a fifth of the time goes into it
      const took = performance.now() - started
      nextMeasure = performance.now() + 4 * took
      nextUnhinted = performance.now() + Math.max(unhintedMillis, 20 * took)
    }
  }
  const excess = async (): Promise<number | undefined> => {
    const bytes = await size()
    return bytes > options.limitBytes ? bytes : undefined
  }
  const look = async (): Promise<number | undefined> => isDue() ? await excess() : undefined
  const loop = async (): Promise<void> => {
    const bytes = await look().catch(() => undefined)
    if (stopped) return
    if (bytes === undefined) timer = setTimeout(() => void loop(), intervalMillis)
    else options.onExceeded(bytes)
  }
  timer = setTimeout(() => void loop(), intervalMillis)
  const stop = async (): Promise<void> => {
    stopped = true
    clearTimeout(timer)
    const last = running
    last?.kill()
    await last?.bytes.catch(() => 0)
  }
  return {
    finish: async () => {
      await stop()
      return isSurelySmall(options) ? undefined : await excess().catch(() => undefined)
    },
    stop
  }
}
