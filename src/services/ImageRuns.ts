/**
 * The three ways to run a command, each made of the one before: `start`, `stream`, `run`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constTrue } from "effect/Function"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Lifecycle } from "../internal/ProcessLifecycle.js"
import * as Pull from "../internal/Pull.js"
import * as StdinWire from "../internal/StdinWire.js"
import type * as Command from "../schemas/Command.js"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type * as File from "./File.js"
import type { CheckError, Image, RunOptions, StreamOptions } from "./Image.js"
import { launch } from "./Launch.js"
import type { Gated } from "./Machine.js"
import * as Output from "./Output.js"
import * as Views from "./ProcessViews.js"
import * as RunOutcome from "./RunOutcome.js"
import * as RunRequest from "./RunRequest.js"
import type { RunResult } from "./RunResult.js"
import * as Stdin from "./Stdin.js"
import * as Uploads from "./Uploads.js"

/**
 * What a run is on, and what its result becomes.
 *
 * @internal
 */
export interface Target<I extends Image> {
  readonly deps: Gated
  /** an image's id, or `tag:NAME` */
  readonly image: string
  readonly disposable: boolean
  readonly toImage: (tag: Option.Option<Ids.Tag>) => RunOutcome.ToImage<I>
}

/**
 * A run that is on its way, tied to the scope.
 *
 * @internal
 */
export interface Started {
  readonly lifecycle: Lifecycle
  readonly plan: RunRequest.Plan<File.Content>
}

/**
 * Checks, reads stdin, uploads, and only then takes a place among the concurrent runs: what stdin waits for may be
 * another run.
 *
 * @internal
 */
export const start = <I extends Image, F extends File.Content, EI, RI>(
  method: string,
  target: Target<I>,
  command: Command.Command,
  options: RunRequest.Input<F> & {
    readonly stdin?: Stdin.Stdin<EI, RI> | undefined
    /** more input comes later, none now */
    readonly isPiped?: boolean | undefined
  }
): Effect.Effect<Started, Errors.SpawnError | EI | File.Error<F>, Scope | RI | File.Context<F>> =>
  Effect.gen(function*() {
    const { deps } = target
    yield* deps.gate.check(method)
    const plan = yield* RunRequest.plan(method, command, { ...options, disposable: target.disposable })
    const stdin = options.isPiped === true
      ? StdinWire.open
      : StdinWire.whole(yield* Stdin.collect(method, options.stdin ?? ""))
    const files = yield* Uploads.place(deps, plan.files)
    yield* Effect.annotateCurrentSpan({
      "contree.image": deps.scrub(target.image),
      "contree.command": deps.scrub(command._tag === "Exec" ? command.path : "shell")
    })
    const request = { ...plan.request, image: target.image, ...files, ...stdin }
    const lifecycle = yield* launch(deps, method, request)
    yield* Effect.annotateCurrentSpan("contree.operation", lifecycle.operationId)
    return { lifecycle, plan }
  })

const timedOut = (
  method: string,
  operationId: Ids.OperationId,
  limit: Duration.Duration
): Errors.OperationTimedOutError =>
  new Errors.OperationTimedOutError({
    method,
    operationId,
    description: `waited ${Duration.format(limit)}, and the run is cancelled`
  })

/** `check` decides what is in the error channel, which a type knows and a value does not */
const failing = <C extends boolean>(
  check: C | undefined
): (...args: Parameters<typeof RunOutcome.failUnlessZero>) => Effect.Effect<void, CheckError<C>> => {
  type Checker = (...args: Parameters<typeof RunOutcome.failUnlessZero>) => Effect.Effect<void, CheckError<C>>
  return check === true ? RunOutcome.failUnlessZero as Checker : () => Effect.void
}

const beside = <A, E, R, E2, R2>(
  self: Effect.Effect<A, E, R>,
  others: ReadonlyArray<Effect.Effect<unknown, E2, R2>>
): Effect.Effect<A, E | E2, R | R2> =>
  Effect.map(
    Effect.all([self, Effect.all(others, { concurrency: "unbounded", discard: true })], { concurrency: "unbounded" }),
    ([result]) => result
  )

/**
 * @internal
 */
export const run = <
  I extends Image,
  C extends boolean,
  F extends File.Content,
  EI,
  RI,
  EO,
  RO,
  EE,
  RE
>(
  method: string,
  target: Target<I>,
  command: Command.Command,
  options: Omit<RunOptions<boolean, C, F, EI, RI, EO, RO, EE, RE>, "disposable">
): Effect.Effect<
  RunResult<I>,
  Errors.RunError | CheckError<C> | EI | EO | EE | File.Error<F>,
  RI | RO | RE | File.Context<F>
> =>
  Effect.gen(function*() {
    const { lifecycle, plan } = yield* start(method, target, command, options)
    const { operationId } = lifecycle
    const views = Views.make({ api: target.deps.api, method, lifecycle })
    const check = failing(options.check)
    const captured = RunOutcome.capture({
      method,
      views,
      // a command that failed, when that is an error, gets no tag
      toImage: (operation, ending, say) =>
        Effect.zipRight(
          check(method, operationId, ending.exit, ending.tails, operation.result_image_uuid ?? undefined),
          target.toImage(plan.tag)(operation, ending, say)
        ),
      taken: { stdout: options.stdout !== undefined, stderr: options.stderr !== undefined }
    })
    const { stderr, stdout } = options
    const sinks: ReadonlyArray<Effect.Effect<void, Errors.OutputError | EO | EE, RO | RE>> = [
      ...(stdout === undefined ? [] : [Stream.run(Output.stdout(views.output((name) => name === "stdout")), stdout)]),
      ...(stderr === undefined ? [] : [Stream.run(Output.stderr(views.output((name) => name === "stderr")), stderr)])
    ]
    const all = sinks.length === 0 ? captured : beside(captured, sinks)
    const result = yield* Option.match(plan.waitTimeout, {
      onNone: () => all,
      onSome: (limit) =>
        Effect.timeoutFail(all, { duration: limit, onTimeout: () => timedOut(method, operationId, limit) })
    })
    yield* Effect.annotateCurrentSpan("contree.exit", result.exitCode ?? result.exit._tag)
    return result
  }).pipe(Effect.scoped)

/**
 * @internal
 */
export const stream = <I extends Image, C extends boolean, F extends File.Content, EI, RI>(
  method: string,
  target: Target<I>,
  command: Command.Command,
  options: StreamOptions<C, F, EI, RI>
): Pull.Pulled<
  Output.Output,
  Errors.RunError | CheckError<C>,
  Errors.SpawnError | EI | File.Error<F>,
  RI | File.Context<F>
> =>
  Effect.gen(function*() {
    const { lifecycle, plan } = yield* start(method, target, command, options)
    const { operationId } = lifecycle
    const views = Views.make({ api: target.deps.api, method, lifecycle })
    const tails = { Stdout: RunOutcome.makeTail(), Stderr: RunOutcome.makeTail() }
    const check = failing(options.check)
    const concluded = Effect.flatMap(views.ending, ({ exit }) =>
      check(method, operationId, exit, { stdoutTail: tails.Stdout.text(), stderrTail: tails.Stderr.text() }))
    const output = yield* Pull.fromStream(views.output(constTrue))
    const noted = options.check !== true ? output : Effect.map(output, (chunk) => {
      for (const out of chunk) {
        tails[out._tag].add(out.bytes)
      }
      return chunk
    })
    const all = Pull.concluded(noted, concluded)
    return yield* Option.match(plan.waitTimeout, {
      onNone: () =>
        Effect.succeed(all),
      onSome: (limit) => Pull.limited(all, limit, () => timedOut(method, operationId, limit))
    })
  })
