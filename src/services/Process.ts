/**
 * A command that runs: its input, its output as it comes, its end, and the way to stop it.
 *
 * Every view (`output`, `stdout`, `stderr`, `lines`, `events`, `exit`, `result`) reads the server's own log of the run from its beginning,
 * over a connection of its own, and only as fast as it is read. So no view can hold up another, each may be read or
 * left, alone or together, twice or late, and nothing is gathered here that nobody asked for.
 *
 * @since 0.1.0
 */
import type { Signal } from "@effect/platform/CommandExecutor"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Effect from "effect/Effect"
import type { Inspectable } from "effect/Inspectable"
import type { Scope } from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { Subscribable } from "effect/Subscribable"
import type { NoInfer } from "effect/Types"
import type * as Command from "../schemas/Command.js"
import type * as Errors from "../schemas/Errors.js"
import type * as ExitStatus from "../schemas/ExitStatus.js"
import type * as Ids from "../schemas/Ids.js"
import type { CheckError, DisposedImage, Environment, Image } from "./Image.js"
import type { Event } from "./Operations.js"
import type * as Output from "./Output.js"
import type { RunResult } from "./RunResult.js"

/**
 * Where a run is: not begun, in its sandbox, or ended (`Failed` when the server failed or cancelled it: a command that
 * exits with 1 has `Succeeded` in running).
 *
 * @since 0.1.0
 * @category models
 */
export type State = "Prepared" | "Executing" | "Succeeded" | "Failed"

/**
 * A process of a sandbox: the command of a run, or another one beside it (`exec`). Once the scratch that it came from is
 * closed, or its layer, nothing is asked any more, and all of it fails with `DisposableImageRunError`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Any extends Inspectable {
  readonly operationId: Ids.OperationId
  /** 1 for the command of a run, 2 and up for those beside it */
  readonly spid: Ids.Spid
  /**
   * Takes what a stream gives, and ends stdin when the stream does. One that fails or is interrupted ends nothing: what
   * came before it was written, and more can follow (`end` ends it). Each chunk goes out in requests of at most 64 KiB,
   * and each is answered before the next is sent, so that a process that does not read holds up who writes. For how
   * long, `requestTimeout` in the configuration says.
   */
  readonly stdin: Sink.Sink<void, Uint8Array, never, Errors.WriteError>
  /**
   * Writes text (as UTF-8) or bytes, in pieces of at most 64 KiB, one after the other; what several fibers write at once
   * through this handle comes one whole value after the other.
   *
   * `ConflictError` (or `NotFoundError`): the process has ended, or its stdin; after `end`, or when it was started with
   * all of its input, nothing is sent. Nothing is ever sent twice: when an answer is lost, it is a `TransportError` that
   * is retryable `"unknown"`, and the piece may have arrived. After an interruption the beginning of the value has
   * arrived, up to any piece, and perhaps the piece that was on its way.
   */
  readonly write: (data: string | Uint8Array) => Effect.Effect<void, Errors.WriteError>
  /** The end of stdin, once: asked for again, it does nothing. Its errors are those of `write`. */
  readonly end: Effect.Effect<void, Errors.WriteError>
  /**
   * stdout and stderr in the order in which the server saw them; what only the status has (the log was lost) comes as all
   * of stdout, then all of stderr. Fails with `OutputTruncatedError` when the server cut
   * one of them, and with what the run itself failed with; else it ends with the process.
   */
  readonly output: Stream.Stream<Output.Output, Errors.OutputError>
  /** as `output`, but only this stream: stderr may be cut, or never read */
  readonly stdout: Stream.Stream<Uint8Array, Errors.OutputError>
  /** as `output`, but only this stream: stdout may be cut, or never read */
  readonly stderr: Stream.Stream<Uint8Array, Errors.OutputError>
  /** the lines of stdout, as `Output.lines` says; those of stderr: `Output.lines(process.stderr)` */
  readonly lines: Stream.Stream<string, Errors.OutputError>
  /** what the log says of this process alone: its `spawn`, what it wrote, its `exit` */
  readonly events: Stream.Stream<Event, Errors.FollowError | Errors.DisposableImageRunError>
  /**
   * Waits for the end. It is never made up: `Unknown` when nobody reported one. So it is for a process beside the main
   * command that still runs when that ends, which ends the sandbox; where the run was cancelled or failed, both fail as
   * the run does.
   */
  readonly exit: Effect.Effect<ExitStatus.ExitStatus, Errors.ProcessError>
  /** waits for the end; 128 + n for a signal, `undefined` where no code exists or none was reported */
  readonly exitCode: Effect.Effect<number | undefined, Errors.ProcessError>
  /** asks the server now; an end that it tells of is known from then on: closing the scope has nothing to cancel */
  readonly isRunning: Effect.Effect<boolean, Errors.LookupError | Errors.DisposableImageRunError>
  /**
   * Sends a signal to the process and all that it has started, and does not wait for what comes of it: `exit` does.
   * Default: `SIGTERM`, as in `@effect/platform`. A process that has ended cannot be sent one: `ConflictError`, or
   * `NotFoundError` where the server has forgotten it. When an answer is lost, the signal is sent again.
   */
  readonly kill: (signal?: Signal) => Effect.Effect<void, Errors.CancelError | Errors.DisposableImageRunError>
}

/**
 * What a process beside the main command is started with.
 *
 * @since 0.1.0
 * @category options
 */
export interface ExecOptions extends Pick<Environment, "env" | "cwd" | "uid" | "gid" | "truncateOutputAt"> {
  /** all of its input, then its end; `"pipe"` leaves it open for `write`, `stdin` and `end`; default: none */
  readonly stdin?: string | Uint8Array | "pipe" | undefined
}

/**
 * The command of a run, and the run around it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Process<out I extends Image = Image> extends Any {
  /** asks the server now; `changes` starts with that, and ends with the run */
  readonly state: Subscribable<State, Errors.FollowError | Errors.DisposableImageRunError>
  /** waits for the end; everything about it, output included (up to what the server kept: `truncated` says) */
  readonly result: Effect.Effect<RunResult<I>, Errors.ProcessError>
  /**
   * Lets go: closing the scope no longer cancels the run, and the run no longer counts against the limit of concurrent
   * runs. `Operations.attach` takes it back.
   */
  readonly detach: Effect.Effect<Ids.OperationId>
  /**
   * Starts another process in the same sandbox, and returns once the server has accepted it: a handle of its own, which
   * reads its own output and its own exit. Closing the scope before its end kills it (`SIGKILL`); the end of the main
   * command ends it too.
   *
   * `ConflictError`: the run has ended. A sandbox that is not up yet is waited for, as long as `retry` in the
   * configuration says, then `TooEarlyError`. An interruption waits for the answer (10 seconds at most) and kills what
   * began.
   */
  readonly exec: (
    command: Command.Command,
    options?: ExecOptions
  ) => Effect.Effect<Any, Errors.SpawnError | Errors.ConflictError, Scope>
}

// ------------------------------------------------------------------------------------------------------------- popen

/**
 * Input for `popen`: `stdin` and `input` exclude each other.
 *
 * @since 0.1.0
 * @category options
 */
export type PopenInput =
  | {
    /** all of the input, then its end; `"pipe"` leaves it open for `communicate` and the `stdin` sink; default: none */
    readonly stdin?: string | Uint8Array | "pipe" | undefined
    readonly input?: undefined
  }
  | {
    readonly stdin?: undefined
    /** all of the input, then its end */
    readonly input?: string | Uint8Array | undefined
  }

/**
 * Where output goes: `"pipe"` (the default) to whoever reads it, `"ignore"` to nobody, or into a sink as it comes: a
 * path of the local file system is `Output.toFile(path)`, whose need for a `FileSystem` so stays in the type.
 *
 * @since 0.1.0
 * @category options
 */
export type PopenOutput<E, R> = "pipe" | "ignore" | Output.AnySink<E, R>

/**
 * @since 0.1.0
 * @category options
 */
export type PopenOptions<
  T extends boolean = boolean,
  C extends boolean = boolean,
  EO = never,
  RO = never,
  EE = never,
  RE = never
> = PopenInput & Pick<Environment, "env" | "cwd" | "timeout"> & {
  readonly stdout?: PopenOutput<EO, RO> | undefined
  readonly stderr?: PopenOutput<EE, RE> | undefined
  /** any end but an exit with 0 fails `wait` and `communicate` with `CommandFailedError`; default: false */
  readonly check?: C | undefined
  /** text instead of bytes, read as UTF-8; what is none becomes U+FFFD; default: false */
  readonly text?: T | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export type Text<T extends boolean> = T extends true ? string : Uint8Array

/**
 * A process in the manner of Python's `subprocess.Popen`. It has begun, its image is thrown away, and closing the scope
 * ends it. Codes are as everywhere here: 128 + n for a signal, `undefined` for what was killed by `timeout`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Popen<out T extends boolean = boolean, out E = Errors.CommandFailedError> {
  /** all else that a process has: `kill`, `write`, `exec`, ... */
  readonly process: Process<DisposedImage>
  /** as `Process.stdin` */
  readonly stdin: Any["stdin"]
  /** from the beginning, as often as it is read; empty unless `stdout` is `"pipe"` */
  readonly stdout: Stream.Stream<Text<T>, Errors.OutputError>
  /** from the beginning, as often as it is read; empty unless `stderr` is `"pipe"` */
  readonly stderr: Stream.Stream<Text<T>, Errors.OutputError>
  /**
   * Waits for the end, and for the sinks; unread output holds nothing up. It does not end stdin. Fails with what a sink
   * fails with, or with `OutputTruncatedError` when a sink would have got less than all.
   */
  readonly wait: Effect.Effect<number | undefined, Errors.OutputError | E>
  /**
   * Writes `input` and ends stdin (both need `stdin: "pipe"`; `input` without it, or a second one, is an
   * `InvalidArgumentError`), then waits as `wait` does, and gives all output; that of a stream which is not `"pipe"` is
   * empty. A process that ends without reading its input is no failure.
   */
  readonly communicate: (
    input?: string | Uint8Array
  ) => Effect.Effect<
    { readonly stdout: Text<T>; readonly stderr: Text<T> },
    Errors.OutputError | Errors.WriteError | Errors.InvalidArgumentError | E
  >
  /** the code, once `wait` or `communicate` has seen the end; asks nobody */
  readonly returncode: Effect.Effect<number | undefined>
}

/**
 * `Image.popen`: an array is a program and its arguments; a string is a script, and needs `shell: true`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Popener {
  <
    const T extends boolean = false,
    const C extends boolean = false,
    EO = never,
    RO = never,
    EE = never,
    RE = never
  >(
    args: NonEmptyReadonlyArray<string>,
    options?: PopenOptions<T, C, EO, RO, EE, RE> & { readonly shell?: false | undefined }
  ): Effect.Effect<Popen<T, CheckError<C> | NoInfer<EO | EE>>, Errors.SpawnError, Scope | NoInfer<RO | RE>>
  <
    const T extends boolean = false,
    const C extends boolean = false,
    EO = never,
    RO = never,
    EE = never,
    RE = never
  >(
    args: string,
    options: PopenOptions<T, C, EO, RO, EE, RE> & { readonly shell: true }
  ): Effect.Effect<Popen<T, CheckError<C> | NoInfer<EO | EE>>, Errors.SpawnError, Scope | NoInfer<RO | RE>>
}
