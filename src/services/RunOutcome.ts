/**
 * The result of a run, made from its log and its operation.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import { concat } from "../internal/Bytes.js"
import { resultOf } from "../internal/FollowSynthesis.js"
import * as Pull from "../internal/Pull.js"
import { preview } from "../internal/RunPreview.js"
import { tail, tailLimit, tailText } from "../internal/RunTail.js"
import * as Errors from "../schemas/Errors.js"
import * as ExitStatus from "../schemas/ExitStatus.js"
import type * as Ids from "../schemas/Ids.js"
import type * as Wire from "../schemas/Wire.js"
import type { Image } from "./Image.js"
import * as Output from "./Output.js"
import type { Item } from "./ProcessOutput.js"
import type * as Views from "./ProcessViews.js"
import * as RunResources from "./RunResources.js"
import type { Resources, RunResult } from "./RunResult.js"

type Name = "stdout" | "stderr"

/**
 * The last of what a run wrote.
 *
 * @internal
 */
export interface Tails {
  readonly stdoutTail: string
  readonly stderrTail: string
}

/**
 * The image of a run that has ended; fails when one was asked for and there is none. `say` fills in what the error
 * should carry.
 *
 * @internal
 */
export type ToImage<I extends Image, E = Errors.WaitError> = (
  operation: Wire.Operation,
  ending: { readonly exit: ExitStatus.ExitStatus; readonly tails: Tails },
  say: (description: string) => Errors.FailedOperationError
) => Effect.Effect<I, E>

class RunResultImpl<I extends Image> extends Inspectable.Class implements RunResult<I> {
  readonly operationId: Ids.OperationId
  readonly image: I
  readonly exit: ExitStatus.ExitStatus
  readonly exitCode: number | undefined
  readonly stdout: Output.Captured
  readonly stderr: Output.Captured
  readonly elapsed: Duration.Duration
  readonly resources: Option.Option<Resources>
  readonly cost: Option.Option<number>

  constructor(fields: Omit<RunResult<I>, keyof Inspectable.Inspectable | "exitCode">) {
    super()
    this.operationId = fields.operationId
    this.image = fields.image
    this.exit = fields.exit
    this.exitCode = ExitStatus.toExitCode(fields.exit)
    this.stdout = fields.stdout
    this.stderr = fields.stderr
    this.elapsed = fields.elapsed
    this.resources = fields.resources
    this.cost = fields.cost
  }
  toJSON(): unknown {
    return {
      _id: "RunResult",
      exit: ExitStatus.format(this.exit),
      stdout: preview(this.stdout.bytes, this.stdout.truncated),
      stderr: preview(this.stderr.bytes, this.stderr.truncated),
      image: Option.getOrElse(this.image.id, () => "none (disposable)"),
      elapsed: Duration.format(this.elapsed),
      operationId: this.operationId
    }
  }
}

/**
 * Keeps the last of what is added, and little more.
 *
 * @internal
 */
export const makeTail = (): { readonly add: (bytes: Uint8Array) => void; readonly text: () => string } => {
  let pieces: Array<Uint8Array> = []
  let size = 0
  return {
    add: (bytes: Uint8Array): void => {
      pieces.push(bytes)
      size += bytes.length
      // a chunk of a stream may be a view of a large buffer: `slice` copies, so that the rest can go
      if (size > 16 * tailLimit) {
        pieces = [tail(concat(pieces)).slice()]
        size = pieces[0]?.length ?? 0
      }
    },
    text: (): string => tailText(concat(pieces))
  }
}

/**
 * The last of what is there whole.
 *
 * @internal
 */
export const lastOf = ({ bytes }: Output.Captured): string => tailText(bytes)

/** All pieces of a stream that is captured; of one that a sink takes, the last of them, for errors. */
const collector = (isTaken: boolean) => {
  const pieces: Array<Uint8Array> = []
  const last = makeTail()
  let isCut = false
  return {
    add: (item: Item): void => {
      if (item._tag === "Cut") isCut = true
      else if (isTaken) last.add(item.bytes)
      else pieces.push(item.bytes)
    },
    finish: (isTruncated: boolean): { readonly tail: string; readonly captured: Output.Captured } => {
      const captured = Output.makeCaptured(pieces, isCut || isTruncated)
      return { captured, tail: isTaken ? last.text() : tailText(captured.bytes) }
    }
  }
}

const withTails = (
  { description, exit, method, operationId }: Errors.FailedOperationError,
  tails: Tails
): Errors.FailedOperationError => new Errors.FailedOperationError({ method, operationId, description, exit, ...tails })

/**
 * Reads the log once, to the end. What a sink takes is not kept here as well.
 *
 * @internal
 */
export const capture = <I extends Image, E>(options: {
  readonly method: string
  readonly views: Views.Views
  readonly toImage: ToImage<I, E>
  readonly taken?: { readonly [K in Name]?: boolean }
}): Effect.Effect<RunResult<I>, Errors.WaitError | E> =>
  Effect.gen(function*() {
    const { method, taken, views } = options
    const begun = yield* Clock.currentTimeMillis
    const stdout = collector(taken?.stdout === true)
    const stderr = collector(taken?.stderr === true)
    yield* Pull.forEachChunk(views.items(() => true), (chunk) => {
      for (const item of chunk) (item.stream === "stdout" ? stdout : stderr).add(item)
    })
    const ending = yield* Effect.catchTag(views.ending, "FailedOperationError", (error) =>
      Effect.fail(withTails(error, { stdoutTail: stdout.finish(false).tail, stderrTail: stderr.finish(false).tail })))
    const { operation } = ending
    const wire = resultOf(operation)
    const out = stdout.finish(wire?.stdout?.truncated === true)
    const err = stderr.finish(wire?.stderr?.truncated === true)
    const tails = { stdoutTail: out.tail, stderrTail: err.tail }
    const say = (description: string) =>
      new Errors.FailedOperationError({ method, operationId: operation.uuid, description, exit: ending.exit, ...tails })
    const image = yield* options.toImage(operation, { exit: ending.exit, tails }, say)
    const elapsed = RunResources.known(operation.duration)
      ? Duration.seconds(operation.duration)
      : RunResources.known(wire?.resources?.elapsed_time)
      ? Duration.seconds(wire.resources.elapsed_time)
      : Duration.millis((yield* Clock.currentTimeMillis) - begun)
    return new RunResultImpl<I>({
      operationId: operation.uuid,
      image,
      exit: ending.exit,
      stdout: out.captured,
      stderr: err.captured,
      elapsed,
      resources: RunResources.make(wire, ending.event),
      cost: Option.liftPredicate(RunResources.known)(wire?.resources?.cost)
    })
  })

/**
 * `check`: any end but an exit with 0 is a failure.
 *
 * @internal
 */
export const failUnlessZero = (
  method: string,
  operationId: Ids.OperationId,
  exit: ExitStatus.ExitStatus,
  tails: Tails,
  imageId?: Ids.ImageId
): Effect.Effect<void, Errors.CommandFailedError> =>
  exit._tag === "Exited" && exit.code === 0
    ? Effect.void
    : Effect.fail(new Errors.CommandFailedError({ method, operationId, exit, ...tails, imageId }))
