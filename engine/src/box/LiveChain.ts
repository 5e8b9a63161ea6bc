/**
 * A chain that was started: its exit, what it says before it has pipes, and how to end it.
 *
 * @since 0.1.0
 */
import { type ChildProcess, spawn } from "node:child_process"
import type { Duplex, Readable } from "node:stream"
import { children, commandPid, kill, signalGroup } from "./HostProcesses.js"
import { chainPath } from "./Tools.js"

/** How `unshare` itself ended: then everything in the pid namespace is dead. */
export interface ChainExit {
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

const maxDiagnostics = 16_384
const graceMillis = 1_000

const sleep = (millis: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, millis))

const collect = (stream: Readable | null | undefined): () => string => {
  let text = ""
  // there is none only when the spawn itself failed
  if (stream === null || stream === undefined) return () => text
  stream.on("data", (chunk: Buffer) => {
    if (text.length < maxDiagnostics) text += chunk.toString("utf8")
  })
  stream.on("error", () => {})
  return () => text.slice(0, maxDiagnostics)
}

const greeting = (control: Duplex): Promise<string> =>
  new Promise((resolve) => {
    let text = ""
    control.on("data", (chunk: Buffer) => {
      if (text.length < maxDiagnostics) text += chunk.toString("utf8")
      if (text.startsWith("up\n")) resolve("up")
    })
    control.on("error", () => {})
    control.on("close", () => resolve(text))
  })

const spawned = (file: string, args: ReadonlyArray<string>): ChildProcess | Error => {
  try {
    return spawn(file, [...args], {
      // the box can read this as /proc/1/environ
      env: { PATH: chainPath },
      cwd: "/",
      // a session of its own: Ctrl-C in the engine's terminal is the engine's to handle
      detached: true,
      stdio: ["ignore", "ignore", "pipe", "pipe"]
    })
  } catch (cause) {
    return cause instanceof Error ? cause : new Error(String(cause))
  }
}

const stillborn = (error: Error): LiveChain => ({
  pid: undefined,
  exited: Promise.resolve({ code: null, signal: null, error, at: performance.now() }),
  hasExited: () => true,
  hello: Promise.resolve(""),
  go: () => {},
  diagnostics: () => "",
  killCommand: () => {},
  signalCommand: () => false,
  killAll: () => Promise.resolve(),
  killNow: () => {}
})

/** Starts the programs. Does not throw: a program that cannot be started is an exit with an `error`. */
export const start = (file: string, args: ReadonlyArray<string>): LiveChain => {
  const child = spawned(file, args)
  return child instanceof Error ? stillborn(child) : watched(child)
}

const watched = (child: ChildProcess): LiveChain => {
  let done = false
  // before anything else is touched: an `error` that nobody listens to ends the whole program
  const exited = new Promise<ChainExit>((resolve) => {
    let at = 0
    child.once("error", (error) => {
      done = true
      control?.destroy()
      resolve({ code: null, signal: null, error, at: performance.now() })
    })
    child.once("exit", () => {
      done = true
      at = performance.now()
    })
    // not `exit`: what the chain said last is still on its way then
    child.once("close", (code, signal) => resolve({ code, signal, error: undefined, at }))
  })
  // with a full table of descriptors Node returns before it has made any of these, whatever its types say
  const stdio: ChildProcess["stdio"] | undefined = child.stdio
  const control = stdio?.[3] as Duplex | null | undefined
  const diagnostics = collect(child.stderr)
  const hello = control === null || control === undefined ? Promise.resolve("") : greeting(control)
  const killBox = (): boolean => {
    const found = child.pid === undefined ? [] : children(child.pid)
    for (const pid of found) kill(pid)
    return found.length > 0
  }
  const killAll = async (): Promise<void> => {
    // the child of unshare is the init of the pid namespace; until it exists, wait for it: an unshare that is killed
    // while it forks could leave it behind
    for (let waited = 0; !done; waited += 1) {
      if (!killBox() && waited > graceMillis && child.pid !== undefined) kill(child.pid)
      await Promise.race([exited, sleep(waited < 20 ? 1 : 5)])
    }
  }
  return {
    pid: child.pid,
    exited,
    hasExited: () => done,
    hello,
    go: () => {
      control?.write("go\n")
    },
    diagnostics,
    killCommand: (pid) => {
      const host = done || child.pid === undefined ? undefined : commandPid(child.pid, pid)
      if (host === undefined) return void killAll()
      kill(-host)
      kill(host)
      const timer = setTimeout(() => void killAll(), graceMillis)
      void exited.then(() => clearTimeout(timer))
    },
    signalCommand: (pid, signal) => {
      const host = done || child.pid === undefined ? undefined : commandPid(child.pid, pid)
      return host !== undefined && signalGroup(host, signal)
    },
    killAll,
    killNow: () => {
      if (done || child.pid === undefined) return
      killBox()
      kill(child.pid)
    }
  }
}
