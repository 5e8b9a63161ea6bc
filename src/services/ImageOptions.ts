/**
 * What a run can be told: the options of `run`, `stream` and `start`. Public as types of `Image`.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type * as Errors from "../schemas/Errors.js"
import type * as File from "./File.js"
import type * as Output from "./Output.js"
import type * as Stdin from "./Stdin.js"

/**
 * Where a command runs; the defaults a session can carry.
 *
 * @since 0.1.0
 * @category options
 */
export interface Environment {
  /**
   * A `Redacted` value is shown to the command alone; `undefined`: as if it were not there; `null` takes away what the
   * image keeps (`preserveEnv`), for this command, and for the image it leaves where that keeps its variables.
   */
  readonly env?: { readonly [key: string]: string | Redacted.Redacted<string> | null | undefined } | undefined
  /** absolute; default: the image's own */
  readonly cwd?: string | undefined
  readonly hostname?: string | undefined
  /** default: 0 */
  readonly uid?: number | undefined
  /** default: 0 */
  readonly gid?: number | undefined
  /** default: true; false leaves the sandbox without a network */
  readonly networking?: boolean | undefined
  /** the server kills the command after this (exit `TimedOut`); whole seconds, rounded up; default: the server's */
  readonly timeout?: Duration.DurationInput | undefined
  /** bytes the server keeps of each of stdout and stderr: 1 to 10485760, default 1048576 */
  readonly truncateOutputAt?: number | undefined
  /** bytes the command may write to the filesystem; default: the server's */
  readonly maxLayerBytes?: number | undefined
  /** keep the environment in the image, for later runs; default: false */
  readonly preserveEnv?: boolean | undefined
}

/**
 * What `tag` may be: a name for the image that is kept, hence nothing where none is.
 *
 * @since 0.1.0
 * @category options
 */
export type TagFor<D extends boolean> = D extends true ? "a tag needs { disposable: false }" : string

/**
 * @since 0.1.0
 * @category options
 */
export interface Kept<D extends boolean> {
  /** default: true: the filesystem is thrown away after the command */
  readonly disposable?: D | undefined
  /**
   * names the image that is kept, once the result is there: that of a process (`start`) when its `result` is first read;
   * decided at run time with `disposable: true` it is an `InvalidArgumentError`
   */
  readonly tag?: TagFor<D> | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface StartOptions<D extends boolean = boolean, F extends File.Content = never>
  extends Environment, Kept<D>
{
  /** put in place before the command begins: by absolute destination, or a list that goes by base names into `/` */
  readonly files?: File.Files<F> | undefined
  /**
   * `"pipe"` (the default) leaves it open for `write`, `stdin` and `end` of the process. Anything else is all of the
   * command's input, then its end (`""` for none): 64 MiB at most, more goes in a file, with `files`. (The text `pipe`
   * itself can be given as bytes.)
   */
  readonly stdin?: string | Uint8Array | "pipe" | undefined
}

/**
 * No `disposable`, no `tag`: a stream has nowhere to return an image (use `start`).
 *
 * @since 0.1.0
 * @category options
 */
export interface StreamOptions<C extends boolean = boolean, F extends File.Content = never, EI = never, RI = never>
  extends Environment
{
  /** put in place before the command begins: by absolute destination, or a list that goes by base names into `/` */
  readonly files?: File.Files<F> | undefined
  /**
   * All of the command's input, then its end; default: none. A stream is read to its end, into memory, before the run
   * is asked for: a run that reads another's output so waits for it without holding a place among the concurrent runs.
   * More than 64 MiB is an `InvalidArgumentError`: put it in a file, with `files`, and let the command read that.
   */
  readonly stdin?: Stdin.Stdin<EI, RI> | undefined
  /** fail with `CommandFailedError` unless the command exits with 0; default: false */
  readonly check?: C | undefined
  /** our own clock, from the moment the run is accepted: then `OperationTimedOutError`, and the run is cancelled */
  readonly waitTimeout?: Duration.DurationInput | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface RunOptions<
  D extends boolean = boolean,
  C extends boolean = boolean,
  F extends File.Content = never,
  EI = never,
  RI = never,
  EO = never,
  RO = never,
  EE = never,
  RE = never
> extends StreamOptions<C, F, EI, RI>, Kept<D> {
  /** takes stdout as it comes, and whole or not at all (`OutputTruncatedError`); the result's `stdout` is then empty */
  readonly stdout?: Output.AnySink<EO, RO> | undefined
  /** takes stderr as it comes, and whole or not at all (`OutputTruncatedError`); the result's `stderr` is then empty */
  readonly stderr?: Output.AnySink<EE, RE> | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export type CheckError<C extends boolean> = C extends true ? Errors.CommandFailedError : never

/**
 * Where a file of an image goes on this machine.
 *
 * @since 0.1.0
 * @category options
 */
export interface DownloadOptions {
  /** a file, or a folder to put it into (one that is there, or a path with a separator at its end); default: `.` */
  readonly to?: string | undefined
  /** replace a file that is there; default: false, which is an `AlreadyExists` */
  readonly overwrite?: boolean | undefined
}

/**
 * Where a folder of an image goes on this machine.
 *
 * @since 0.1.0
 * @category options
 */
export interface DownloadDirectoryOptions {
  /** what the folder shall be called here; the folder above it must be there */
  readonly to: string
  /** replace what is there, with all that is in it; default: false, which is an `AlreadyExists` */
  readonly overwrite?: boolean | undefined
}
