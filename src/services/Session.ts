/**
 * A session: a handle over an immutable history of images. `run` keeps the image it leaves and moves the tip to it;
 * every earlier node stays and can be gone back to.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Effect from "effect/Effect"
import type * as HashMap from "effect/HashMap"
import type { Inspectable } from "effect/Inspectable"
import type * as Option from "effect/Option"
import type { NoInfer } from "effect/Types"
import type * as Command from "../schemas/Command.js"
import type * as Errors from "../schemas/Errors.js"
import type * as ExitStatus from "../schemas/ExitStatus.js"
import type * as Ids from "../schemas/Ids.js"
import type * as File from "./File.js"
import type { CheckError, DisposedImage, Environment, Image, KeptImage, RunOptions } from "./Image.js"
import type { RunResult } from "./RunResult.js"
import type { Snapshot } from "./SessionExport.js"

/**
 * One point of the history. Its id is its own (a command that changes no file leaves the image it began with), unique
 * in the session and its forks.
 *
 * @since 0.1.0
 * @category models
 */
export interface Node {
  readonly id: Ids.NodeId
  /** none: the root */
  readonly parent: Option.Option<Ids.NodeId>
  readonly image: Image
  /** the command that led here from the parent */
  readonly command: Option.Option<Command.Command>
  readonly exit: Option.Option<ExitStatus.ExitStatus>
}

/**
 * A session's runs are always kept.
 *
 * @since 0.1.0
 * @category models
 */
export type SessionRunOptions<C extends boolean, F extends File.Content, EI, RI, EO, RO, EE, RE> = Omit<
  RunOptions<false, C, F, EI, RI, EO, RO, EE, RE>,
  "disposable"
>

/**
 * A peek never is.
 *
 * @since 0.1.0
 * @category models
 */
export type PeekOptions<C extends boolean, F extends File.Content, EI, RI, EO, RO, EE, RE> = Omit<
  RunOptions<true, C, F, EI, RI, EO, RO, EE, RE>,
  "disposable" | "tag"
>

/**
 * What happens to a call that would move the tip while a `run` is going on: it waits for its turn, in the order of the
 * calls, or it fails at once.
 *
 * @since 0.1.0
 * @category options
 */
export type Concurrency = "queue" | "refuse"

/**
 * The environment of every command of the session, and what it does about calls that meet.
 *
 * @since 0.1.0
 * @category options
 */
export interface SessionOptions<Q extends Concurrency = Concurrency> extends Environment {
  /** default: `"queue"`; `"refuse"` gives a `ConflictError` without a `status` (nothing was sent) */
  readonly concurrency?: Q | undefined
}

/**
 * What meeting another call fails with.
 *
 * @since 0.1.0
 * @category type-level
 */
export type Busy<Q extends Concurrency> = Q extends "refuse" ? Errors.ConflictError : never

/**
 * `E`: what a call fails with that meets a run, see `SessionOptions`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Session<out E = never> extends Inspectable {
  /**
   * Runs on the tip, one at a time, keeps the image and moves the tip to it: also when the command exits with another
   * code than 0, unless `check` is set. A failure (and an interruption) leaves the tip where it was.
   *
   * The session's environment holds for it; `options` win, `env` name by name.
   *
   * `run`, `branch`, `tag`, `checkout` and `rollback` wait for a `run` that is going on, or are refused when the session
   * says so. So a stdin stream or a sink of a run must not call them on the same session: where they wait, it would wait
   * for itself, for ever.
   */
  readonly run: <
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
    options?: SessionRunOptions<C, F, EI, RI, EO, RO, EE, RE>
  ) => Effect.Effect<
    RunResult<KeptImage>,
    Errors.RunError | CheckError<C> | NoInfer<EI | EO | EE> | File.Error<F> | E,
    NoInfer<RI | RO | RE> | File.Context<F>
  >
  /** Runs on the tip and keeps nothing: the tip stays. Any number at once, also while `run` is busy. */
  readonly exec: <
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
    options?: PeekOptions<C, F, EI, RI, EO, RO, EE, RE>
  ) => Effect.Effect<
    RunResult<DisposedImage>,
    Errors.RunError | CheckError<C> | NoInfer<EI | EO | EE> | File.Error<F>,
    NoInfer<RI | RO | RE> | File.Context<F>
  >
  readonly tip: Effect.Effect<Node>
  /** the tip's */
  readonly image: Effect.Effect<Image>
  /** from the root to the tip */
  readonly history: Effect.Effect<NonEmptyReadonlyArray<Node>>
  readonly branches: Effect.Effect<HashMap.HashMap<string, Ids.NodeId>>
  /**
   * Names the tip, after a `run` that is going on. The name stays there while the tip moves on; naming again moves it.
   * Fails with `InvalidArgumentError` for an empty name.
   */
  readonly branch: (name: string) => Effect.Effect<Node, Errors.SessionError | E>
  /**
   * Moves the tip to a branch, or to a node by its id, after a `run` that is going on. Fails with `InvalidArgumentError`
   * when there is none.
   */
  readonly checkout: (target: string | Ids.NodeId) => Effect.Effect<Node, Errors.SessionError | E>
  /**
   * Moves the tip back towards the root, one node unless told otherwise, after a `run` that is going on. Fails with
   * `InvalidArgumentError` when there are not so many, or `steps` is no whole number from 0.
   */
  readonly rollback: (steps?: number) => Effect.Effect<Node, Errors.SessionError | E>
  /** A session that begins where this one is, with its history and branches; neither sees what the other does next. */
  readonly fork: Effect.Effect<Session<E>>
  /**
   * Gives the tip's image a name on the service, after a `run` that is going on; the node that comes back, and the tip
   * from now on, show it. It is `Image.tagAs` of the tip, and fails as that does: a root that was named by a tag is then
   * the image that has the tag now.
   */
  readonly tag: (name: string) => Effect.Effect<Node, Errors.TagError | Errors.InvalidArgumentError | E>
  /** All nodes as plain data, for `SessionExport`: to be written as JSON, or drawn. */
  readonly snapshot: Effect.Effect<Snapshot>
}
