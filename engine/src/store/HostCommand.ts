/**
 * A tool of the host, run to its end. For the store's own upkeep only; the commands of a box have nothing to do with it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import type { ChildProcess, ChildProcessWithoutNullStreams } from "node:child_process"
import type { Readable } from "node:stream"
import { StoreError } from "./StoreError.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Finished {
  readonly code: number
  readonly stdout: Buffer
  readonly stderr: string
}

const tail = (text: string): string => text.trim().slice(-500)

const environment = (): NodeJS.ProcessEnv => ({ PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C" })

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

const maxSaid = 4_096

/** The beginning of what a tool complains of. */
const saidOn = (stderr: Readable | null | undefined): () => string => {
  const pieces: Array<Buffer> = []
  let size = 0
  stderr?.on("data", (bytes: Buffer) => {
    if (size < maxSaid) pieces.push(bytes)
    size += bytes.length
  })
  return () => Buffer.concat(pieces).toString()
}

/** Kills it and waits until it is dead: what it works on is somebody else's then. */
const killed = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    const over = (): void => resume(Effect.void)
    if (child.exitCode !== null || child.signalCode !== null) return over()
    // one that could not be started is not there
    child.once("exit", over).once("error", over)
    child.kill("SIGKILL")
  })

/**
 * Runs it with nothing of the environment but PATH, in English; `input` is its standard input. What it writes is
 * collected, so it is for tools that write little; `onOutput` takes the bytes instead.
 *
 * @since 0.1.0
 * @category running
 */
export const run = (
  command: readonly [tool: string, ...args: ReadonlyArray<string>],
  options: {
    readonly cwd: string
    readonly input?: Uint8Array | undefined
    readonly onOutput?: ((bytes: Buffer) => void) | undefined
  }
): Effect.Effect<Finished, StoreError> =>
  Effect.async<Finished, StoreError>((resume) => {
    const [tool, ...args] = command
    const fail = (cause: unknown): void =>
      resume(Effect.fail(
        new StoreError({
          reason: "Unusable",
          description: `${tool} could not be started: ${messageOf(cause)}; ` +
            "install it, put it on PATH, or close files when there are too many",
          cause
        })
      ))
    let child: ChildProcessWithoutNullStreams
    try {
      child = spawn(tool, args, { cwd: options.cwd, env: environment() })
    } catch (cause) {
      return fail(cause)
    }
    // first of all: an `error` that nobody listens to ends the whole program
    child.on("error", fail)
    // with a full table of descriptors Node returns before it has made any of these, whatever its types say
    const made: Partial<Pick<ChildProcessWithoutNullStreams, "stdin" | "stdout" | "stderr">> = child
    const stdout: Array<Buffer> = []
    const said = saidOn(made.stderr)
    made.stdout?.on("data", options.onOutput ?? ((bytes: Buffer) => stdout.push(bytes)))
    child.on("close", (code, signal) =>
      resume(Effect.succeed({
        code: code ?? 128,
        stdout: Buffer.concat(stdout),
        stderr: signal === null ? said() : `killed by ${signal}`
      })))
    // It may have ended before it read everything: its exit code says why.
    made.stdin?.on("error", () => undefined)
    made.stdin?.end(options.input)
    return killed(child)
  })

/**
 * The same, where anything but exit code 0 is a failure.
 *
 * @since 0.1.0
 * @category running
 */
export const succeed = (...args: Parameters<typeof run>): Effect.Effect<Finished, StoreError> =>
  Effect.flatMap(run(...args), (finished) =>
    finished.code === 0
      ? Effect.succeed(finished)
      : Effect.fail(
        new StoreError({
          reason: /No space left|Disk quota/.test(finished.stderr) ? "DiskFull" : "Unusable",
          description: `${args[0][0]} ended with ${finished.code}: ${tail(finished.stderr)}`
        })
      ))

/**
 * How a tool ended, whose output was read as it came.
 *
 * @since 0.1.0
 * @category models
 */
export type End =
  | { readonly _tag: "NotStarted"; readonly said: string }
  | { readonly _tag: "Ended"; readonly code: number; readonly stderr: string }

/**
 * A tool that runs while its output is read, and waits for who reads.
 *
 * @since 0.1.0
 * @category models
 */
export interface Started {
  readonly stdout: AsyncIterable<Buffer>
  /** once it has ended and all its output was read; it never rejects */
  readonly end: Promise<End>
  /** a second time, or after its end, nothing happens */
  readonly kill: () => void
}

async function* nothing(): AsyncGenerator<Buffer, void> {
  // a tool that could not be started says nothing
}

const endOf = (child: ChildProcess): Promise<End> =>
  new Promise((resolve) => {
    const said = saidOn(child.stderr)
    child.on("error", (cause) => resolve({ _tag: "NotStarted", said: messageOf(cause) }))
    child.on("close", (code, signal) =>
      resolve({
        _tag: "Ended",
        code: code ?? 128,
        stderr: signal === null ? tail(said()) : `killed by ${signal}`
      }))
  })

/**
 * Starts a tool whose standard input is an open file, for tools that write much.
 *
 * @since 0.1.0
 * @category running
 */
export const start = (
  [tool, ...args]: readonly [tool: string, ...args: ReadonlyArray<string>],
  options: { readonly stdin: number }
): Started => {
  try {
    const child = spawn(tool, args, { cwd: "/", env: environment(), stdio: [options.stdin, "pipe", "pipe"] })
    const end = endOf(child)
    const made: Partial<Pick<typeof child, "stdout">> = child
    return { stdout: made.stdout ?? nothing(), end, kill: () => child.kill("SIGKILL") }
  } catch (cause) {
    return {
      stdout: nothing(),
      end: Promise.resolve({ _tag: "NotStarted", said: messageOf(cause) }),
      kill: () => undefined
    }
  }
}
