/**
 * A chain that Node itself starts.
 *
 * @since 0.1.0
 */
import { type ChildProcess, spawn } from "node:child_process"
import { Socket } from "node:net"
import type { Duplex, Readable } from "node:stream"
import * as LiveChain from "./LiveChain.js"
import { chainPath } from "./Tools.js"

const maxDiagnostics = 16_384

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

const stillborn = (error: Error): LiveChain.LiveChain => ({
  pid: undefined,
  exited: Promise.resolve({ code: null, signal: null, error, at: performance.now() }),
  hasExited: () => true,
  hello: Promise.resolve(""),
  go: () => {},
  diagnostics: () => "",
  killCommand: () => {},
  signalCommand: () => false,
  killAll: () => Promise.resolve(),
  killNow: () => {},
  ref: () => {},
  unref: () => {}
})

/** Starts the programs from Node itself. Does not throw: one that cannot be started is an exit with an `error`. */
export const start = (file: string, args: ReadonlyArray<string>): LiveChain.LiveChain => {
  const child = spawned(file, args)
  return child instanceof Error ? stillborn(child) : LiveChain.make(watched(child))
}

const watched = (child: ChildProcess): LiveChain.Started => {
  let done = false
  // before anything else is touched: an `error` that nobody listens to ends the whole program
  const exited = new Promise<LiveChain.ChainExit>((resolve) => {
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
  const holds = [child, ...[control, child.stderr].filter((stream) => stream instanceof Socket)]
  const hello = control === null || control === undefined ? Promise.resolve("") : greeting(control)
  return {
    pid: () => child.pid,
    control: control ?? undefined,
    exited,
    hasExited: () => done,
    hello,
    diagnostics,
    ref: () => holds.forEach((held) => held.ref()),
    unref: () => holds.forEach((held) => held.unref())
  }
}
