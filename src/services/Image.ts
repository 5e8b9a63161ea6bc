/**
 * An image: an immutable root filesystem. Running a command in it yields output and, if it is kept, a new image; so
 * images branch as commits do. Handles are had from `Images`, and from runs.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Inspectable } from "effect/Inspectable"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import type { Scope } from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { NoInfer } from "effect/Types"
import type * as Command from "../schemas/Command.js"
import type * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type * as File from "./File.js"
import type * as Output from "./Output.js"
import type { Process } from "./Process.js"
import type { RunResult } from "./RunResult.js"
import type { Busy, Concurrency, Session, SessionOptions } from "./Session.js"
import type * as Stdin from "./Stdin.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("effect-contree/Image")
/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * `Disposed`: there is no image behind the handle, or its `scratch` scope is closed.
 *
 * @since 0.1.0
 * @category models
 */
export type State = "Pulled" | "Disposed"

/**
 * Where a command runs; the defaults a session can carry.
 *
 * @since 0.1.0
 * @category options
 */
export interface Environment {
  /** a `Redacted` value is shown to the command alone; `undefined`: as if it were not there */
  readonly env?: { readonly [key: string]: string | Redacted.Redacted<string> | undefined } | undefined
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
  /** names the image that is kept; decided at run time with `disposable: true` it is an `InvalidArgumentError` */
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
  /** all of the command's input, then its end; default: none; 64 MiB at most (more goes in a file, with `files`) */
  readonly stdin?: string | Uint8Array | undefined
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
export type For<D extends boolean> = D extends true ? DisposedImage : KeptImage

/**
 * @since 0.1.0
 * @category models
 */
export type CheckError<C extends boolean> = C extends true ? Errors.CommandFailedError : never

/**
 * A handle. It names an image by id, or by tag: then the tag is looked up anew each time, and may have moved
 * (`Images.use(ref, { strict: true })` pins it).
 *
 * @since 0.1.0
 * @category models
 */
export interface Image extends Pipeable, Inspectable {
  readonly [TypeId]: TypeId
  readonly id: Option.Option<Ids.ImageId>
  readonly tag: Option.Option<Ids.Tag>
  readonly state: Effect.Effect<State>

  /**
   * Runs a command to its end. How it exits is data (see `check`). Interrupting it cancels the run on the server.
   *
   * Output past `truncateOutputAt` is cut by the server, and the result says so: let the command write more than that to
   * a file, and read that.
   *
   * A server that is too busy to begin it (429) is asked again, as `retry` in the configuration says. By default one
   * whose `Retry-After` is above 30 seconds is not: the run ends with `RateLimitedError`, which has the time.
   */
  readonly run: <
    const D extends boolean = true,
    const C extends boolean = false,
    const F extends File.Content = never,
    EI = never,
    RI = never,
    EO = never,
    RO = never,
    EE = never,
    RE = never
  >(
    command: Command.Command,
    options?: RunOptions<D, C, F, EI, RI, EO, RO, EE, RE>
  ) => Effect.Effect<
    RunResult<For<D>>,
    Errors.RunError | CheckError<C> | NoInfer<EI | EO | EE> | File.Error<F>,
    NoInfer<RI | RO | RE> | File.Context<F>
  >
  /**
   * The output of a run as it comes, complete or failed (`OutputTruncatedError` when the server cut it). Leaving the
   * stream before its end cancels the run. Nothing is kept.
   */
  readonly stream: <
    const C extends boolean = false,
    const F extends File.Content = never,
    EI = never,
    RI = never
  >(
    command: Command.Command,
    options?: StreamOptions<C, F, EI, RI>
  ) => Stream.Stream<
    Output.Output,
    Errors.RunError | CheckError<C> | NoInfer<EI> | File.Error<F>,
    NoInfer<RI> | File.Context<F>
  >
  /** Starts a run and returns once the server has accepted it. Closing the scope before its end cancels it. */
  readonly start: <const D extends boolean = true, const F extends File.Content = never>(
    command: Command.Command,
    options?: StartOptions<D, F>
  ) => Effect.Effect<Process<For<D>>, Errors.SpawnError | File.Error<F>, Scope | File.Context<F>>

  /** A history that begins here. What it leaves stays. */
  readonly session: <const Q extends Concurrency = "queue">(
    options?: SessionOptions<Q>
  ) => Effect.Effect<Session<Busy<Q>>, Errors.DisposableImageRunError>
  /**
   * A session that is over with its scope: closing it cancels what still runs, removes the tags that were set through it
   * and disposes of every handle that came from it (`DisposableImageRunError` from then on). A service that cannot
   * delete images keeps them, untagged, until they age out.
   */
  readonly scratch: Effect.Effect<Session, Errors.DisposableImageRunError, Scope>
  readonly scratchWith: <const Q extends Concurrency = "queue">(
    options: SessionOptions<Q>
  ) => Effect.Effect<Session<Busy<Q>>, Errors.DisposableImageRunError, Scope>
  readonly inspect: Effect.Effect<Info, Errors.LookupError | Errors.DisposableImageRunError>

  /** what is in a folder (default `/`) */
  readonly ls: (path?: string) => Effect.Effect<ReadonlyArray<Entry>, Errors.ReadError>
  /** is there anything (a file, a folder, ...) at this path? */
  readonly exists: (path: string) => Effect.Effect<boolean, Errors.ReadError>
  readonly read: (path: string) => Effect.Effect<Uint8Array, Errors.ReadError>
  /** `encoding` as `TextDecoder` names them (default `utf-8`); what cannot be read becomes U+FFFD */
  readonly readText: (path: string, encoding?: string) => Effect.Effect<string, Errors.ReadError>
  readonly readStream: (path: string) => Stream.Stream<Uint8Array, Errors.ReadError>
  /** a folder as an uncompressed tar */
  readonly archive: (path: string) => Stream.Stream<Uint8Array, Errors.ReadError>
  /** lines that match any of the patterns (the syntax of Rust's `regex`); binary files are skipped */
  readonly grep: (
    pattern: string | NonEmptyReadonlyArray<string>,
    options?: GrepOptions
  ) => Effect.Effect<GrepResult, Errors.ReadError>

  /** Gives the image a name, taking it from the image that had it. */
  readonly tagAs: (tag: string) => Effect.Effect<KeptImage, Errors.TagError | Errors.InvalidArgumentError>
  /** Removes a name (default: the handle's own). A handle without one needs it said: `InvalidArgumentError`. */
  readonly untag: (tag?: string) => Effect.Effect<KeptImage, Errors.TagError | Errors.InvalidArgumentError>
  /** A new image with these files in it: a run that does nothing else (needs `true` in the image). */
  readonly applyFiles: <const F extends File.Content>(
    files: File.Files<F>,
    options?: { readonly tag?: string | undefined }
  ) => Effect.Effect<KeptImage, Errors.RunError | File.Error<F>, File.Context<F>>
}

/**
 * An image the service has: the id is there.
 *
 * @since 0.1.0
 * @category models
 */
export interface KeptImage extends Image {
  readonly id: Option.Some<Ids.ImageId>
}

type Over = Effect.Effect<never, Errors.DisposableImageRunError>

/**
 * The image of a disposable run: every method fails, and the types say so.
 *
 * @since 0.1.0
 * @category models
 */
export interface DisposedImage extends Image {
  readonly id: Option.None<Ids.ImageId>
  readonly run: (command: Command.Command, options?: unknown) => Over
  readonly stream: (command: Command.Command, options?: unknown) => Stream.Stream<never, Errors.DisposableImageRunError>
  readonly start: (command: Command.Command, options?: unknown) => Over
  readonly session: (options?: SessionOptions) => Over
  readonly scratch: Over
  readonly scratchWith: (options: SessionOptions) => Over
  readonly inspect: Over
  readonly ls: (path?: string) => Over
  readonly exists: (path: string) => Over
  readonly read: (path: string) => Over
  readonly readText: (path: string, encoding?: string) => Over
  readonly readStream: (path: string) => Stream.Stream<never, Errors.DisposableImageRunError>
  readonly archive: (path: string) => Stream.Stream<never, Errors.DisposableImageRunError>
  readonly grep: (pattern: string | NonEmptyReadonlyArray<string>, options?: GrepOptions) => Over
  readonly tagAs: (tag: string) => Over
  readonly untag: (tag?: string) => Over
  readonly applyFiles: (files: unknown, options?: unknown) => Over
}

/**
 * What the service knows of an image. `operationId`: what made it; none for one that came from elsewhere.
 *
 * @since 0.1.0
 * @category models
 */
export interface Info {
  readonly id: Ids.ImageId
  readonly tag: Option.Option<Ids.Tag>
  readonly createdAt: Option.Option<DateTime.Utc>
  readonly operationId: Option.Option<Ids.OperationId>
}

/**
 * Something in a folder. `path` is absolute; `mode` holds the permission bits alone; `Other` is a device, a socket or a
 * FIFO.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry {
  readonly _tag: "File" | "Directory" | "Symlink" | "Other"
  readonly name: string
  readonly path: string
  readonly size: bigint
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly owner: string
  readonly group: string
  readonly mtime: DateTime.Utc
  readonly symlinkTo: Option.Option<string>
}

/**
 * @since 0.1.0
 * @category options
 */
export interface GrepOptions {
  /** where to look; default `/` */
  readonly path?: string | NonEmptyReadonlyArray<string> | undefined
  /** which files; a leading `!` leaves out */
  readonly glob?: ReadonlyArray<string> | undefined
  /** matching lines a file */
  readonly maxCount?: number | undefined
  /** matching lines in all; default: 1000 */
  readonly maxTotal?: number | undefined
  /** default: sensitive */
  readonly case?: "sensitive" | "insensitive" | "smart" | undefined
  /** lines of context */
  readonly before?: number | undefined
  /** lines of context */
  readonly after?: number | undefined
}

/**
 * One line: `lineNumber` from 1, `lineText` with its newline.
 *
 * @since 0.1.0
 * @category models
 */
export interface GrepMatch {
  readonly path: string
  readonly lineNumber: number
  readonly lineText: string
  readonly type: "match" | "context"
}

/**
 * `truncated`: there was more than `maxTotal`, or than the server had time for.
 *
 * @since 0.1.0
 * @category models
 */
export interface GrepResult {
  readonly path: string
  readonly matches: ReadonlyArray<GrepMatch>
  readonly truncated: boolean
}

/**
 * @since 0.1.0
 * @category guards
 */
export const isImage = (u: unknown): u is Image => Predicate.hasProperty(u, TypeId)

/**
 * Has it an id?
 *
 * @since 0.1.0
 * @category guards
 */
export const isKept = (image: Image): image is KeptImage => Option.isSome(image.id)
