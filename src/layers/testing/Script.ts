/**
 * What a test says to the double: the images there are, and how commands go.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as Stream from "effect/Stream"
import type * as Command from "../../schemas/Command.js"
import type * as Errors from "../../schemas/Errors.js"
import type * as ExitStatus from "../../schemas/ExitStatus.js"
import type * as Ids from "../../schemas/Ids.js"
import type * as Wire from "../../schemas/Wire.js"

/**
 * Absolute paths to contents, text as UTF-8. Folders come with what is in them; an empty one is a path that ends in a
 * slash, with empty content.
 *
 * @since 0.1.0
 * @category models
 */
export type Files = Readonly<Record<string, string | Uint8Array>>

/**
 * A command that was run, and how it went: what the double has on record.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call {
  readonly command: Command.Command
  /** what it ran in */
  readonly image: Ids.ImageId
  /** the tag by which the image was asked for; none where an id was */
  readonly tag: string | undefined
  /** of a command whose input is still open, what has come so far */
  readonly stdin: Uint8Array
  /** what the request said, over what the image keeps (`preserveEnv`) */
  readonly env: Readonly<Record<string, string>>
  /** what the request put in place, by destination */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** every file that it found, `files` among them */
  readonly tree: ReadonlyMap<string, Uint8Array>
  readonly cwd: string | undefined
  readonly disposable: boolean
  readonly operationId: Ids.OperationId
  /** 1: the command of a run; 2 and up: one that was started beside it */
  readonly spid: Ids.Spid
  /** all that was sent: `uid`, `timeout`, `networking` and the rest, in the words of the protocol */
  readonly request: Wire.InstanceSpawnRequest | Wire.ExecSpec
  /**
   * `Interrupted`: cancelled, or gone with what it ran beside. `Unknown`: it ended without an exit, or never began
   * because the script refused it.
   */
  readonly outcome: ExitStatus.ExitStatus | "Interrupted"
}

/**
 * A command that is to be answered. `input` is all that comes on its stdin, from the beginning to the end of the input:
 * more than `stdin` only where a program writes to the process.
 *
 * @since 0.1.0
 * @category models
 */
export interface Run extends Omit<Call, "outcome"> {
  readonly input: Stream.Stream<Uint8Array>
}

/**
 * A piece of output: what is written after `delay` (default: at once), stdout before stderr.
 *
 * @since 0.1.0
 * @category models
 */
export interface Piece {
  readonly delay?: Duration.DurationInput | undefined
  readonly stdout?: string | Uint8Array | undefined
  readonly stderr?: string | Uint8Array | undefined
}

/**
 * How a command goes: `stdout` and `stderr` at once, then `output` piece by piece, then `delay`, then its end. With
 * nothing said it writes nothing and exits with 0.
 *
 * Output beyond the run's `truncateOutputAt` is cut, and a run that takes longer than its `timeout` ends as `TimedOut`,
 * as a service would do it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply {
  /** a list: as many pieces */
  readonly stdout?: string | Uint8Array | ReadonlyArray<string | Uint8Array> | undefined
  readonly stderr?: string | Uint8Array | ReadonlyArray<string | Uint8Array> | undefined
  /** output in the course of time; a stream may go on what `Run.input` brings, and its failure fails the run */
  readonly output?: ReadonlyArray<Piece> | Stream.Stream<Piece, Errors.ContreeError> | undefined
  /** 0 to 255; default: 0 */
  readonly exitCode?: number | undefined
  /** another end than an exit code */
  readonly exit?: ExitStatus.ExitStatus | undefined
  /** how long it goes on after its last output */
  readonly delay?: Duration.DurationInput | undefined
  /** what it leaves in the file system: absolute path to content; `null` removes the path, and all below it */
  readonly writes?: Readonly<Record<string, string | Uint8Array | null>> | undefined
  /** the service fails, for this reason, where the command would have ended: `FailedOperationError` */
  readonly failure?: string | undefined
}

/**
 * Answers a command. An effect is what the command does:
 *
 * - one that does not wait for anything is done when the request comes in. Its failure is the service's answer to the
 *   request (`RateLimitedError`, `NotFoundError`, ...), and no run comes to be.
 * - one that waits (for a clock, a latch, another fiber) is a command that goes on. Cancelling the run interrupts it, and
 *   its failure ends the run as a `FailedOperationError` with the message of the failure.
 *
 * `FailedOperationError` and `CancelledOperationError` end the run so either way, and so does an error that is no answer
 * to a request, as a `FailedOperationError` too. A defect, such as a failed assertion,
 * is the program's own.
 *
 * @since 0.1.0
 * @category models
 */
export type Handler = (call: Run) => Reply | Effect.Effect<Reply, Errors.ContreeError>

/**
 * @since 0.1.0
 * @category models
 */
export interface Case {
  readonly match: (command: Command.Command) => boolean
  readonly reply: Handler
  /** how the error of an unscripted command lists it */
  readonly label?: string | undefined
}

/**
 * What is asked of a registry; `url` is `docker://docker.io/library/debian:12`, say.
 *
 * @since 0.1.0
 * @category models
 */
export interface ImportCall {
  readonly url: string
  readonly tag: string | undefined
  readonly request: Wire.ImageImportRequest
}

/**
 * A line of an import's log, after `delay` (default: at once). `importStream` gives it as an event, as the embedded engine
 * does.
 *
 * @since 0.1.0
 * @category models
 */
export interface ImportStep {
  readonly delay?: Duration.DurationInput | undefined
  readonly phase: "resolving" | "fetching" | "unpacking" | (string & {})
  readonly bytes?: number | undefined
  readonly totalBytes?: number | undefined
  readonly layers?: number | undefined
  readonly totalLayers?: number | undefined
}

/**
 * How an import goes: `progress` step by step, then `delay`, then its end, which brings the image. One that takes longer
 * than its `timeout` fails.
 *
 * @since 0.1.0
 * @category models
 */
export interface ImportReply {
  readonly progress?: ReadonlyArray<ImportStep> | undefined
  readonly delay?: Duration.DurationInput | undefined
  /** it fails in the end, for this reason: `FailedOperationError` */
  readonly failure?: string | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Script {
  /**
   * The images there are, by reference, tag (`tag:NAME`) or id, with their files. `busybox` and `busybox:latest` are
   * one. Default: `busybox`, without files.
   */
  readonly images?: Readonly<Record<string, Files>> | undefined
  /** what can be imported besides `images`; any other import fails */
  readonly imports?: Readonly<Record<string, Files>> | undefined
  /** how an import goes, by the program's clock; `undefined` (the default): it is over at once */
  readonly importing?: ((call: ImportCall) => ImportReply | undefined) | undefined
  /** the first case that matches answers; the program `true` needs none */
  readonly runs?: Handler | ReadonlyArray<Case> | undefined
}

/**
 * What a pattern is held against: the script of a shell command; path and arguments of a program, a space between them.
 *
 * @since 0.1.0
 * @category getters
 */
export const text = (command: Command.Command): string =>
  command._tag === "Shell" ? command.script : [command.path, ...command.args].join(" ")

type Match = Command.Command | string | RegExp | ((command: Command.Command) => boolean)

const isNamed = (command: Command.Command, name: string): boolean =>
  command._tag === "Exec" && command.path.slice(command.path.lastIndexOf("/") + 1) === name

const matcher = (match: Match): Case["match"] => {
  if (typeof match === "function") return match
  if (typeof match === "string") return (command) => text(command) === match || isNamed(command, match)
  if (!(match instanceof RegExp)) return (command) => Equal.equals(command, match)
  // a `g` or `y` would remember where it stopped the last time
  const pattern = new RegExp(match.source, match.flags.replace(/[gy]/g, ""))
  return (command) => pattern.test(text(command))
}

/**
 * A command as a person would write it.
 *
 * @internal
 */
export const show = (command: Command.Command): string =>
  command._tag === "Shell"
    ? `Command.shell(${JSON.stringify(command.script)})`
    : `Command.exec(${JSON.stringify(command.path)}${
      command.args.length === 0 ? "" : `, ${JSON.stringify(command.args)}`
    })`

const labelOf = (match: Match): string =>
  typeof match === "function"
    ? `a predicate${match.name === "" ? "" : ` (${match.name})`}`
    : typeof match === "string"
    ? JSON.stringify(match)
    : match instanceof RegExp
    ? String(match)
    : show(match)

/**
 * A rule of a script:
 *
 * - a command: one that is equal to it
 * - a string: the whole text (a script, or path and arguments with a space between), or the name of a program that is
 *   run without a shell, whatever its folder and arguments
 * - a regular expression: somewhere in the text
 * - a function: what it says
 *
 * @example
 * ```ts
 * import { Command } from "effect-contree"
 * import { ContreeTest } from "effect-contree/testing"
 *
 * const runs = [
 *   ContreeTest.on(Command.exec("node", ["--version"]), { stdout: "v22.0.0\n" }),
 *   ContreeTest.on("npm test", { stderr: "1 failed\n", exitCode: 1 }),
 *   ContreeTest.on(/^sleep/, { delay: "1 minute" }),
 *   ContreeTest.on("cat", (call) => ({ stdout: call.stdin }))
 * ]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const on = (match: Match, reply: Reply | Handler): Case => ({
  match: matcher(match),
  reply: typeof reply === "function" ? reply : () => reply,
  label: labelOf(match)
})
