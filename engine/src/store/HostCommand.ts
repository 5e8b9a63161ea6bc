/**
 * A tool of the host, run to its end. For the store's own upkeep only; the commands of a box have nothing to do with it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import type { ChildProcessWithoutNullStreams } from "node:child_process"
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
          description: `${tool} could not be started: ${cause instanceof Error ? cause.message : String(cause)}; ` +
            "install it, put it on PATH, or close files when there are too many",
          cause
        })
      ))
    let child: ChildProcessWithoutNullStreams
    try {
      child = spawn(tool, args, {
        cwd: options.cwd,
        env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C" }
      })
    } catch (cause) {
      return fail(cause)
    }
    // first of all: an `error` that nobody listens to ends the whole program
    child.on("error", fail)
    // with a full table of descriptors Node returns before it has made any of these, whatever its types say
    const made: Partial<Pick<ChildProcessWithoutNullStreams, "stdin" | "stdout" | "stderr">> = child
    const stdout: Array<Buffer> = []
    const stderr: Array<Buffer> = []
    made.stdout?.on("data", options.onOutput ?? ((bytes: Buffer) => stdout.push(bytes)))
    made.stderr?.on("data", (bytes: Buffer) => stderr.push(bytes))
    child.on("close", (code, signal) =>
      resume(Effect.succeed({
        code: code ?? 128,
        stdout: Buffer.concat(stdout),
        stderr: signal === null ? Buffer.concat(stderr).toString() : `killed by ${signal}`
      })))
    // It may have ended before it read everything: its exit code says why.
    made.stdin?.on("error", () => undefined)
    made.stdin?.end(options.input)
    return Effect.sync(() => child.kill("SIGKILL"))
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
