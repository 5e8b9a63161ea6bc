/**
 * Watches how much a run writes. The file system's free space is asked often, because that is cheap, and the layer itself
 * is measured only when something on that file system wrote at least half of what the run may.
 *
 * @since 0.1.0
 */
import { execFile } from "node:child_process"
import { statfsSync } from "node:fs"
import type { Mode } from "./Chain.js"
import { chainPath, type Tools } from "./Tools.js"

const intervalMillis = 40

/** A running meter. */
export interface SizeMeter {
  /** A last look, after everything in the box is dead. */
  readonly finish: () => Promise<number | undefined>
  readonly stop: () => void
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

// busybox' du and not a walk of ours: in a user's store there are folders that only the box's own root can enter
const measure = (options: Options): Promise<number> =>
  new Promise((resolve) => {
    const [file = "", ...args] = [
      ...(options.mode === "user" ? [options.tools.unshare, "-U", "-r"] : []),
      ...[options.tools.busybox, "du", "-s", "-k", "-x", `${options.store}/${options.upper}`]
    ]
    execFile(file, args, { env: { PATH: chainPath } }, (_error, stdout) => {
      // files vanish while they are counted: du complains and counts on
      resolve(Number(/(\d+)\s[^\n]*\n?$/.exec(stdout)?.[1] ?? 0) * 1024)
    })
  })

/** Starts watching. A look that fails is one that the next look makes good. */
export const start = (options: Options): SizeMeter => {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let nextMeasure = 0
  const before = startingPoint(options.store)

  const look = async (final: boolean): Promise<number | undefined> => {
    const written = used(options.store) - before
    if (written < options.limitBytes / 2) return undefined
    if (!final && performance.now() < nextMeasure) return undefined
    const started = performance.now()
    const bytes = await measure(options)
    // a large layer takes long to measure: at most a fifth of the time goes into it
    nextMeasure = performance.now() + 4 * (performance.now() - started)
    return bytes > options.limitBytes ? bytes : undefined
  }
  const loop = async (): Promise<void> => {
    const bytes = await look(false).catch(() => undefined)
    if (stopped) return
    if (bytes === undefined) timer = setTimeout(() => void loop(), intervalMillis)
    else options.onExceeded(bytes)
  }
  timer = setTimeout(() => void loop(), intervalMillis)
  const stop = (): void => {
    stopped = true
    clearTimeout(timer)
  }
  return {
    finish: () => {
      stop()
      return look(true).catch(() => undefined)
    },
    stop
  }
}
