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
import type { CheckError, DisposedImage, Image, KeptImage, RunOptions } from "./Image.js"
import type { RunResult } from "./RunResult.js"

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
 * @since 0.1.0
 * @category models
 */
export interface Session extends Inspectable {
  /**
   * Runs on the tip, one at a time, keeps the image and moves the tip to it: also when the command exits with another
   * code than 0, unless `check` is set. A failure (and an interruption) leaves the tip where it was.
   *
   * The session's environment holds for it; `options` win, `env` name by name.
   *
   * `run`, `branch`, `checkout` and `rollback` wait for a `run` that is going on. So a stdin stream or a sink of a run
   * must not call them on the same session: it would wait for itself, for ever.
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
    Errors.RunError | CheckError<C> | NoInfer<EI | EO | EE> | File.Error<F>,
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
   * Names the tip, after a `run` that is going on. The name stays there while the tip moves on; naming again moves it. Fails with
   * `InvalidArgumentError` for an empty name.
   */
  readonly branch: (name: string) => Effect.Effect<Node, Errors.SessionError>
  /**
   * Moves the tip to a branch, or to a node by its id, after a `run` that is going on. Fails with `InvalidArgumentError`
   * when there is none.
   */
  readonly checkout: (target: string | Ids.NodeId) => Effect.Effect<Node, Errors.SessionError>
  /**
   * Moves the tip back towards the root, one node unless told otherwise, after a `run` that is going on. Fails with
   * `InvalidArgumentError` when there are not so many, or `steps` is no whole number from 0.
   */
  readonly rollback: (steps?: number) => Effect.Effect<Node, Errors.SessionError>
  /** A session that begins where this one is, with its history and branches; neither sees what the other does next. */
  readonly fork: Effect.Effect<Session>
}
