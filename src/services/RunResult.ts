/**
 * What a run leaves: how it ended, what it wrote, what it used, and the image, when one was kept.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Inspectable } from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Errors from "../schemas/Errors.js"
import type * as ExitStatus from "../schemas/ExitStatus.js"
import type * as Ids from "../schemas/Ids.js"
import { tailText } from "../internal/RunTail.js"
import type { Image } from "./Image.js"
import type * as Output from "./Output.js"

/**
 * What the command used, as the system of the sandbox counts it (`getrusage`). What the server does not measure is none.
 *
 * @since 0.1.0
 * @category models
 */
export interface Resources {
  readonly userCpu: Duration.Duration
  readonly systemCpu: Duration.Duration
  /** in KiB */
  readonly maxRss: number
  /** from the command's start to its end */
  readonly elapsed: Option.Option<Duration.Duration>
  /** the same by a clock that nobody sets */
  readonly monotonic: Option.Option<Duration.Duration>
  /** without reading from a disk */
  readonly pageFaults: Option.Option<number>
  /** with reading from a disk */
  readonly pageFaultsIo: Option.Option<number>
  /** how often a file system was read from */
  readonly blockInput: Option.Option<number>
  /** how often a file system was written to */
  readonly blockOutput: Option.Option<number>
  /** how often it waited for something */
  readonly voluntarySwitches: Option.Option<number>
  /** how often its time was over */
  readonly involuntarySwitches: Option.Option<number>
  readonly sharedMemory: Option.Option<number>
  readonly unsharedMemory: Option.Option<number>
  readonly swaps: Option.Option<number>
  readonly signals: Option.Option<number>
}

/**
 * `image` is a `KeptImage` after `{ disposable: false }`, else a `DisposedImage`, from which nothing can follow.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunResult<out I extends Image = Image> extends Inspectable {
  readonly operationId: Ids.OperationId
  readonly image: I
  readonly exit: ExitStatus.ExitStatus
  /** 128 + n for a signal; `undefined` for `TimedOut` and `Unknown`: an exit code is never invented */
  readonly exitCode: number | undefined
  /** empty when a sink took it; `truncated` when the server cut it */
  readonly stdout: Output.Captured
  /** empty when a sink took it; `truncated` when the server cut it */
  readonly stderr: Output.Captured
  /** from the server's start of the operation to its end; where it does not say, as long as it took from here */
  readonly elapsed: Duration.Duration
  readonly resources: Option.Option<Resources>
  /** in the server's own unit */
  readonly cost: Option.Option<number>
}

/**
 * Did it exit with 0?
 *
 * @since 0.1.0
 * @category guards
 */
export const isSuccess = (self: RunResult): boolean => self.exit._tag === "Exited" && self.exit.code === 0

/**
 * Turns any end but an exit with 0 into a `CommandFailedError`, which has the exit and the last output.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Command from "effect-contree/Command"
 * import type * as Image from "effect-contree/Image"
 * import * as RunResult from "effect-contree/RunResult"
 *
 * const test = (image: Image.Image) =>
 *   image.run(Command.exec("make", ["test"])).pipe(Effect.flatMap(RunResult.orFail))
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const orFail = <I extends Image>(self: RunResult<I>): Effect.Effect<RunResult<I>, Errors.CommandFailedError> =>
  isSuccess(self)
    ? Effect.succeed(self)
    : Effect.fail(
      new Errors.CommandFailedError({
        method: "RunResult.orFail",
        operationId: self.operationId,
        exit: self.exit,
        stdoutTail: tailText(self.stdout.bytes),
        stderrTail: tailText(self.stderr.bytes),
        imageId: Option.getOrUndefined(self.image.id)
      })
    )
