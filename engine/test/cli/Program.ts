/** The command line as a program of its own, started as a person does. */
import { Effect } from "effect"
import type { Scope } from "effect"
import type { ChildProcessWithoutNullStreams } from "node:child_process"
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import { resolve } from "node:path"
import { bundle, bundleFolder } from "../support/Bundle.js"

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: Buffer
  readonly err: string
}

export interface Started {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<Ended>
  /** until its stdout holds that; fails when it ends before */
  readonly until: (holds: (out: string) => boolean) => Promise<void>
}

interface Options {
  /** what is piped in; `open` stays so. Default: nothing */
  readonly input?: string | Uint8Array | "open" | undefined
  readonly env?: Record<string, string> | undefined
  readonly cwd?: string | undefined
}

/** Killed with the scope, when it goes on for longer. */
const startOf =
  (program: string) =>
  (args: ReadonlyArray<string>, options: Options = {}): Effect.Effect<Started, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(process.execPath, [program, ...args], {
          cwd: options.cwd,
          env: { ...process.env, NO_COLOR: "1", ...options.env },
          stdio: "pipe"
        })
        const out: Array<Buffer> = []
        const err: Array<Buffer> = []
        const watchers = new Set<() => void>()
        const tell = (): void => watchers.forEach((watcher) => watcher())
        child.stdout.on("data", (bytes: Buffer) => {
          out.push(bytes)
          tell()
        })
        child.stderr.on("data", (bytes: Buffer) => err.push(bytes))
        // it may end without having read everything
        child.stdin.on("error", () => undefined)
        if (options.input !== "open") child.stdin.end(options.input ?? "")
        let over: Ended | undefined
        const ended = new Promise<Ended>((done) =>
          child.on("close", (code, signal) => {
            over = { code, signal, out: Buffer.concat(out), err: Buffer.concat(err).toString() }
            done(over)
            tell()
          })
        )
        const until: Started["until"] = (holds) =>
          new Promise((done, fail) => {
            const look = (): void => {
              if (holds(Buffer.concat(out).toString())) done()
              else if (over !== undefined) {
                fail(new Error(`it ended with ${over.code}: ${String(over.out)}\n${over.err}`))
              }
            }
            watchers.add(look)
            look()
          })
        return { child, ended, until }
      }),
      ({ child, ended }) =>
        Effect.promise(() => {
          child.kill("SIGKILL")
          return ended
        })
    )

/** The command line, built anew for the test file that asks for it, outside of every test. */
export const makeContreeLocal = () => {
  const folder = bundleFolder()
  Fs.copyFileSync(resolve("engine/package.json"), `${folder}/package.json`)
  const program = bundle("engine/src/bin.ts", folder)
  const start = startOf(program)
  return {
    program,
    start,
    /** to its end */
    contreeLocal: (args: ReadonlyArray<string>, options?: Options): Effect.Effect<Ended> =>
      Effect.scoped(Effect.flatMap(start(args, options), ({ ended }) => Effect.promise(() => ended)))
  }
}
