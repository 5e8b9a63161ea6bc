/**
 * An image: an immutable root filesystem. Running a command in it yields output and, if it is kept, a new image; so
 * images branch as commits do. Handles are had from `Images`, and from runs.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import type { Path } from "@effect/platform/Path"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type { Inspectable } from "effect/Inspectable"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import type { Scope } from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { NoInfer } from "effect/Types"
import type * as Command from "../schemas/Command.js"
import type * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type * as File from "./File.js"
import type { Entry, GrepOptions, GrepResult, Info } from "./ImageData.js"
import * as ImageFileSystem from "./ImageFileSystem.js"
import type {
  CheckError,
  DownloadDirectoryOptions,
  DownloadOptions,
  RunOptions,
  StartOptions,
  StreamOptions
} from "./ImageOptions.js"
import type * as Output from "./Output.js"
import type { Popener, Process } from "./Process.js"
import type { RunResult } from "./RunResult.js"
import type { Busy, Concurrency, Session, SessionOptions } from "./Session.js"

/** @since 0.1.0 */
export type * from "./ImageData.js"
/** @since 0.1.0 */
export type * from "./ImageOptions.js"

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
 * @since 0.1.0
 * @category models
 */
export type For<D extends boolean> = D extends true ? DisposedImage : KeptImage

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
  /**
   * Starts a run and returns once the server has accepted it. Closing the scope before its end cancels it. Its stdin
   * stays open unless `stdin` says otherwise, so a command that reads it waits: `process.end`, or `{ stdin: "" }`.
   *
   * It keeps its place among the concurrent runs until its end is known here (`exit`, `result`, a view read to its end, or
   * `isRunning` or `state` that tell of it), it is let go (`detach`), or its scope closes: runs that have ended and that
   * nobody asks about hold up the next `start`.
   */
  readonly start: <const D extends boolean = true, const F extends File.Content = never>(
    command: Command.Command,
    options?: StartOptions<D, F>
  ) => Effect.Effect<Process<For<D>>, Errors.SpawnError | File.Error<F>, Scope | File.Context<F>>
  /**
   * A process in the manner of Python's `subprocess`. Contradictions (a script without `shell: true`, both `stdin` and
   * `input`) do not compile, and are an `InvalidArgumentError` before anything is sent where they do.
   */
  readonly popen: Popener

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

  /**
   * A file of the image as a local file, under its own name in the current folder or where `to` says; gives the path that
   * was written. A link is followed. What is refused on this side is before anything is asked of the service: a file that
   * is there already (`AlreadyExists`), a folder that is missing (`NotFound`).
   *
   * The content goes to a temporary file beside it, piece by piece, which is renamed at the end: after a failure or an
   * interruption all is as it was. The file gets the permission bits of any new file, or those of the one it replaces: a
   * download does not say which it has in the image (`downloadDirectory` keeps them).
   */
  readonly download: (
    path: string,
    options?: DownloadOptions
  ) => Effect.Effect<string, Errors.ReadError | PlatformError, FileSystem.FileSystem | Path>
  /**
   * A folder of the image, with all that is in it, as the local folder `to`; gives its path. What is refused on this side
   * is before anything is asked of the service. It is unpacked as it comes, beside `to`, and renamed at the end: after a
   * failure or an interruption all is as it was. (With `overwrite`, there is a moment between two renames where nothing is
   * at `to`. The current folder is never replaced.)
   *
   * Permission bits are kept as far as the umask of this process lets them, without set-uid, set-gid and sticky; a folder
   * can always be entered by its owner. Owners and times are not kept. Hard links stay links. Symbolic links stay as they
   * are, so an absolute one points into this machine; nothing is written through any of them. Devices and FIFOs are left
   * out, and a warning in the log lists them. An archive that is cut short is a `TransportError`; one with a name that
   * would lead out of the folder, or cannot be written here, a `DecodeError`.
   */
  readonly downloadDirectory: (
    path: string,
    options: DownloadDirectoryOptions
  ) => Effect.Effect<string, Errors.ReadError | PlatformError, FileSystem.FileSystem | Path>

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
  /** when it was made, as the list that the handle is from said; none for any other handle (`inspect` asks) */
  readonly createdAt: Option.Option<DateTime.Utc>
  /** what made it, as that list said; none also for one that came from elsewhere */
  readonly operationId: Option.Option<Ids.OperationId>
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
  readonly popen: (args: NonEmptyReadonlyArray<string> | string, options?: unknown) => Over
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
  readonly download: (path: string, options?: DownloadOptions) => Over
  readonly downloadDirectory: (path: string, options: DownloadDirectoryOptions) => Over
  readonly tagAs: (tag: string) => Over
  readonly untag: (tag?: string) => Over
  readonly applyFiles: (files: unknown, options?: unknown) => Over
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

/**
 * The image as a file system that can be read and not written, for any library that takes the platform's `FileSystem`.
 * What writes fails with `PermissionDenied`. Links are followed inside the image; a path that is not absolute begins at
 * its root. The service has no look at a single file: `stat` reads the folder around it, `realPath` every folder on the
 * way. A file that is open is read from its beginning on; going back in it reads it anew.
 *
 * Errors of the SDK become the `SystemError` that fits (`NotFound` for 404, `BadResource` for 422, ...), with their
 * message.
 *
 * @example
 * ```ts
 * import * as FileSystem from "@effect/platform/FileSystem"
 * import * as Image from "effect-contree/Image"
 * import * as Effect from "effect/Effect"
 *
 * const names = (image: Image.Image) =>
 *   Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readDirectory("/etc", { recursive: true })).pipe(
 *     Effect.provideService(FileSystem.FileSystem, Image.fileSystem(image))
 *   )
 * ```
 *
 * @since 0.1.0
 * @category views
 */
export const fileSystem = (image: Image): FileSystem.FileSystem => ImageFileSystem.make(image)
