/**
 * A small shell that starts the chains. Node copies its own page tables for each process that it starts, and stands still
 * meanwhile: 10 to 15 ms for a program of 150 MB. A shell of 1 MB needs a tenth of a millisecond, and nobody waits for it.
 *
 * Each shell has a number of sockets to the engine, and each chain gets one of them as its descriptor 3, whole: the shell
 * closes its own end, and no other chain keeps one. So the end of a chain's `unshare` is the end of its socket, and the
 * death of the engine is the end of what the chain reads. A shell whose sockets are used up stays until its chains have
 * ended, since they are killed when it dies; it dies itself with the engine.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { Socket } from "node:net"
import * as LiveChain from "./LiveChain.js"
import { quote, words } from "./ShellText.js"
import * as Spawned from "./Spawned.js"
import { chainPath, type Tools } from "./Tools.js"

/** What starts chains. */
export interface Starter {
  /** Does not throw: what cannot be started is a chain that has ended, and says why. */
  readonly start: (file: string, args: ReadonlyArray<string>) => LiveChain.LiveChain
}

// each is a descriptor of the engine until it is used
const slotsPerShell = 32
const firstSlot = 4
const maxSaid = 16_384

/**
 * A shell makes what it starts in the background deaf to SIGINT and SIGQUIT, commands of a box too, and this one is deaf
 * to SIGPIPE, since a chain may be given up before it has begun: `env` undoes it.
 * A shell that cannot fork ends at once; its chains must not end with it.
 */
const prelude = (env: string): string => `
child() {
  n=${firstSlot}
  while [ $n -lt ${firstSlot + slotsPerShell} ]; do eval "exec $n>&-"; n=$((n+1)); done
  shift
  exec 2>&3 ${quote(env)} --default-signal=INT,QUIT,PIPE "$@"
}
start() {
  slot=$1
  eval "exec 3>&$slot"
  child "$@" &
  printf 'pid %s\\n' "$!" >&3
  eval "exec 3>&- $slot>&-"
  slot=
  jobs >/dev/null
}
last() {
  [ -z "$slot" ] || { printf 'fail fork no process could be made\\n' >&3; eval "exec 3>&- $slot>&-"; }
  while read -r rest; do :; done
}
slot=
trap last EXIT
trap '' PIPE
`

interface Slot {
  readonly descriptor: number
  /** holds the program only while there is a chain in it */
  readonly socket: Socket
  /** Of the chain, when the shell has said it. */
  pid: number | undefined
}

interface Shell {
  readonly child: ChildProcess
  readonly free: Array<Slot>
  /** Those whose chain has not ended. */
  readonly busy: Set<Slot>
  readonly exited: Promise<void>
  /** Why it starts nothing any more. */
  failure: Error | undefined
}

const fail = (shell: Shell, failure: Error): void => {
  shell.failure ??= failure
  for (const { socket } of shell.free.splice(0)) socket.destroy()
  // nothing was begun for them; what may have begun in this very moment reads the end, and goes no further
  for (const { pid, socket } of shell.busy) if (pid === undefined) socket.destroy()
}

/** The sockets of a child; none with a full table of descriptors, whatever Node's types say. */
const slotsOf = (child: ChildProcess): Array<Slot> => {
  const stdio: ReadonlyArray<unknown> | undefined = child.stdio
  return (stdio ?? []).flatMap((socket, descriptor) =>
    descriptor >= firstSlot && socket instanceof Socket ? [{ descriptor, socket: socket.unref(), pid: undefined }] : []
  )
}

const spawned = (tools: Tools): ChildProcess =>
  spawn(
    tools.setpriv,
    ["--pdeathsig", "KILL", tools.busybox, "sh", "-s", "contree-local-starter", String(process.pid)],
    {
      env: { PATH: chainPath },
      cwd: "/",
      detached: true,
      stdio: ["pipe", "ignore", "ignore", "ignore", ...Array.from({ length: slotsPerShell }, () => "pipe" as const)]
    }
  )

const open = (tools: Tools, env: string): Shell | undefined => {
  try {
    const child = spawned(tools)
    const exited = new Promise<void>((resolve) => {
      const over = (error: Error): void => {
        fail(shell, error)
        resolve()
      }
      child.once("error", over)
      child.once("exit", () => over(new Error("the shell that starts runs has ended")))
    })
    const shell: Shell = { child, free: slotsOf(child), busy: new Set(), exited, failure: undefined }
    child.stdin?.on("error", () => {})
    child.stdin?.write(prelude(env))
    // idle, it keeps no program from ending
    child.unref()
    if (child.stdin instanceof Socket) child.stdin.unref()
    return shell
  } catch {
    return undefined
  }
}

/** Its sockets may have ended before Node says that the shell has. */
const isSpent = ({ failure, free }: Shell): boolean => failure !== undefined || free[0]?.socket.destroyed !== false

/** When its last chain has ended, it may. */
const release = (shell: Shell): void => {
  if (shell.busy.size === 0) shell.child.stdin?.end()
}

/** What the chain in a slot says, and its end. */
const watched = (shell: Shell, slot: Slot): LiveChain.Started => {
  const { socket } = slot
  let said = ""
  let at: number | undefined
  let greet = (_hello: string): void => {}
  const hello = new Promise<string>((resolve) => {
    greet = resolve
  })
  const withoutPid = (): string => said.replace(/^pid \d+\n/m, "")
  socket.on("error", () => {})
  socket.on("data", (bytes: Buffer) => {
    if (said.length < maxSaid) said += bytes.toString("utf8")
    const pid = /^pid (\d+)\n/m.exec(said)?.[1]
    if (pid === undefined) return
    slot.pid = Number(pid)
    if (/^up\n/m.test(said)) greet("up")
  })
  const end = (): void => {
    at ??= performance.now()
  }
  socket.once("end", end)
  const exited = new Promise<LiveChain.ChainExit>((resolve) => {
    socket.once("close", () => {
      end()
      shell.busy.delete(slot)
      if (/^fail fork /m.test(said)) {
        fail(shell, Object.assign(new Error("no process could be made"), { code: "EAGAIN" }))
      }
      if (isSpent(shell)) release(shell)
      greet(withoutPid())
      const error = slot.pid === undefined ? shell.failure : undefined
      resolve({ code: null, signal: null, error, at: at ?? performance.now() })
    })
  })
  return {
    pid: () => slot.pid,
    control: socket,
    exited,
    hasExited: () => at !== undefined,
    hello,
    diagnostics: () => withoutPid().replace(/^up\n/m, ""),
    ref: () => void socket.ref(),
    unref: () => void socket.unref()
  }
}

const close = async (shells: Iterable<Shell>): Promise<void> => {
  for (const shell of shells) {
    shell.child.ref()
    for (const { socket } of shell.free.splice(0)) socket.destroy()
    release(shell)
    await shell.exited
    // Node lets go of it at the end of this turn of its loop.
    await new Promise((resolve) => void setTimeout(resolve, 0))
  }
}

const through = (tools: Tools, env: string): { readonly starter: Starter; readonly close: Effect.Effect<void> } => {
  const shells = new Set<Shell>()
  let current: Shell | undefined
  const next = (): Slot | undefined => {
    if (current === undefined || isSpent(current)) {
      current = open(tools, env)
      if (current !== undefined) {
        const opened = current
        shells.add(opened)
        void opened.exited.then(() => shells.delete(opened))
      }
    }
    return current?.free.shift()
  }
  const start: Starter["start"] = (file, args) => {
    const slot = next()
    if (slot === undefined || current === undefined) return Spawned.start(file, args)
    current.busy.add(slot)
    slot.socket.ref()
    current.child.stdin?.write(`start ${slot.descriptor} ${words([file, ...args])}\n`)
    return LiveChain.make(watched(current, slot))
  }
  return { starter: { start }, close: Effect.promise(() => close(shells)) }
}

/** For the time of the scope, which ends after its last chain. */
export const make = (tools: Tools): Effect.Effect<Starter, never, Scope.Scope> => {
  const { env } = tools
  if (env === undefined) return Effect.succeed(Spawned)
  return Effect.map(
    Effect.acquireRelease(Effect.sync(() => through(tools, env)), ({ close }) => close),
    ({ starter }) => starter
  )
}
