/**
 * A chain that was started: its exit, what it says before it has pipes, and how to end it.
 *
 * @since 0.1.0
 */
import type { Duplex } from "node:stream"
import { children, commandPid, isThere, kill, signalGroup } from "./HostProcesses.js"

/** How `unshare` itself ended: then everything in the pid namespace is dead. */
export interface ChainExit {
  /** Neither this nor a signal: nobody who could know told. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** It could not even be started. */
  readonly error: Error | undefined
  /** When, on the clock of `performance.now()`. */
  readonly at: number
}

/** A running chain. None of its promises rejects. */
export interface LiveChain {
  readonly pid: number | undefined
  readonly exited: Promise<ChainExit>
  readonly hasExited: () => boolean
  /** The first message of the chain: `up`, `fail ...`, or nothing when it ended without a word. */
  readonly hello: Promise<string>
  /** Lets it go on, when the engine has its ends of the pipes. */
  readonly go: () => void
  /** What the programs of the chain said before the pipes took over. */
  readonly diagnostics: () => string
  /** Kills the command with its group, so that its report is written, and the box when that is not enough. */
  readonly killCommand: (pid: number) => void
  /** Sends a signal to the command with its group; false when it is gone. */
  readonly signalCommand: (pid: number, signal: number) => boolean
  /** Kills everything and waits until it is dead. */
  readonly killAll: () => Promise<void>
  /** Kills this very process and its children, whatever else there may be. */
  readonly killNow: () => void
  /** Keeps the program from ending, as it does from the start; */
  readonly ref: () => void
  /** or not. */
  readonly unref: () => void
}

/** Does it end within so many milliseconds? */
export const exitsWithin = async (chain: LiveChain, millis: number): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), millis)
  })
  const inTime = await Promise.race([chain.exited.then(() => true), late])
  clearTimeout(timer)
  return inTime
}

/** for a command that was killed, until its box is */
const graceMillis = 1_000
/** for a box that is to be killed, until it is there */
const patienceMillis = 2_000

const sleep = (millis: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, millis))

/** The programs of a chain, whoever started them. */
export interface Started extends Pick<LiveChain, "exited" | "hasExited" | "hello" | "diagnostics" | "ref" | "unref"> {
  /** Of `unshare`; not known at once. */
  readonly pid: () => number | undefined
  /** Their descriptor 3. */
  readonly control: Duplex | undefined
}

/** What can be done with them. */
export const make = ({ control, diagnostics, exited, hasExited, hello, pid, ref, unref }: Started): LiveChain => {
  const killBox = (): boolean => {
    const outer = pid()
    const found = outer === undefined ? [] : children(outer)
    for (const inner of found) kill(inner)
    return found.length > 0
  }
  const host = (command: number): number | undefined => {
    const outer = pid()
    return hasExited() || outer === undefined ? undefined : commandPid(outer, command)
  }
  const killOuter = (): void => {
    const outer = pid()
    if (outer !== undefined) kill(outer)
    // Never heard of, or killed while it forked: what there is waits for a word, and goes when it can come no more.
    control?.end()
  }
  const isOuterGone = (): boolean => {
    const outer = pid()
    return outer !== undefined && !isThere(outer)
  }
  const killAll = async (): Promise<void> => {
    // the child of unshare is the init of the pid namespace; until it exists, wait for it: an unshare that is killed
    // while it forks could leave it behind
    const began = performance.now()
    for (let waited = 0; !hasExited(); waited += 1) {
      const isLate = performance.now() - began > patienceMillis
      if (!killBox() && (isLate || isOuterGone())) killOuter()
      // not begun yet, and it may be long until it is (its starter was stopped): then it finds nobody, and goes
      if (isLate && pid() === undefined) control?.destroy()
      await Promise.race([exited, sleep(waited < 20 ? 1 : 5)])
    }
  }
  return {
    get pid() {
      return pid()
    },
    exited,
    hasExited,
    hello,
    go: () => {
      control?.write("go\n")
    },
    diagnostics,
    killCommand: (command) => {
      const found = host(command)
      if (found === undefined) return void killAll()
      kill(-found)
      kill(found)
      const timer = setTimeout(() => void killAll(), graceMillis)
      void exited.then(() => clearTimeout(timer))
    },
    signalCommand: (command, signal) => {
      const found = host(command)
      return found !== undefined && signalGroup(found, signal)
    },
    killAll,
    killNow: () => {
      if (hasExited()) return
      killBox()
      killOuter()
    },
    ref,
    unref
  }
}
