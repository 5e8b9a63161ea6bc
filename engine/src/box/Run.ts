/**
 * One run, from its chain's first word to the report.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { BoxHandle, Handlers } from "./Box.js"
import type { BoxError, BoxReport } from "./BoxReport.js"
import type { BoxSpec } from "./BoxSpec.js"
import type * as Cgroups from "./Cgroups.js"
import type { Mode } from "./Chain.js"
import type * as Chains from "./Chains.js"
import type * as LiveChain from "./LiveChain.js"
import * as Outcome from "./Outcome.js"
import * as Pipes from "./Pipes.js"
import * as Room from "./Room.js"
import * as RunFolder from "./RunFolder.js"
import { maxReportBytes } from "./ShimReport.js"
import * as SizeMeter from "./SizeMeter.js"
import * as Subprocess from "./Subprocess.js"
import * as Subprocesses from "./Subprocesses.js"
import type { Tools } from "./Tools.js"
import { validateCommand } from "./Validate.js"

/** What all runs of an engine share. */
export interface Engine {
  readonly store: string
  readonly mode: Mode
  readonly tools: Tools
  readonly chains: Chains.Chains
  readonly mountOptions: (spec: BoxSpec) => string
}

// no machine is so slow; a mount that hangs would otherwise hold the run for ever
const startMillis = 300_000
const maxDelayMillis = 2_147_483_647

const handleOf = (
  engine: Engine,
  chain: LiveChain.LiveChain,
  pid: number,
  stdin: Pipes.Pipes["stdin"],
  others: Subprocesses.Subprocesses
): BoxHandle => ({
  pid,
  writeStdin: Pipes.writeStdin(stdin),
  signal: (signal) =>
    Effect.suspend(() => chain.signalCommand(pid, signal) ? Effect.void : Effect.fail(Subprocess.notRunning())),
  exec: others.exec,
  validate: (other) => validateCommand(other, engine.mode)
})

/** What the engine does to a command that takes too long or writes too much. */
const watch = (
  engine: Engine,
  spec: BoxSpec,
  chain: LiveChain.LiveChain,
  pid: number
): {
  readonly finish: Effect.Effect<Outcome.Interventions>
  readonly stop: Effect.Effect<void>
} => {
  let timedOut = false
  let exceeded: number | undefined
  const timer = setTimeout(() => {
    if (chain.hasExited()) return
    timedOut = exceeded === undefined
    chain.killCommand(pid)
  }, Math.min(maxDelayMillis, spec.timeoutSeconds * 1000))
  const meter = SizeMeter.start({
    store: engine.store,
    upper: spec.upper,
    limitBytes: spec.maxLayerBytes,
    mode: engine.mode,
    tools: engine.tools,
    onExceeded: (bytes) => {
      exceeded = bytes
      chain.killCommand(pid)
    }
  })
  const stop = Effect.promise(() => {
    clearTimeout(timer)
    return meter.stop()
  })
  return {
    stop,
    finish: stop.pipe(
      Effect.zipRight(Effect.promise(() => exceeded === undefined ? meter.finish() : Promise.resolve(exceeded))),
      Effect.map((fileSize) => ({
        timedOut,
        sizeCap: fileSize === undefined ? Option.none() : Option.some({ limitBytes: spec.maxLayerBytes, fileSize })
      }))
    )
  }
}

const started = (
  engine: Engine,
  spec: BoxSpec,
  handlers: Handlers,
  chain: LiveChain.LiveChain,
  groups: Cgroups.Groups,
  pipes: Pipes.Pipes,
  pid: number,
  first: string
): Effect.Effect<BoxReport> =>
  Effect.suspend(() => {
    const startedAt = performance.now()
    const guard = watch(engine, spec, chain, pid)
    const others = Subprocesses.make({ ...engine, spec, chain, groups })
    return Effect.gen(function*() {
      yield* handlers.onSpawn(handleOf(engine, chain, pid, pipes.stdin, others))
      const [, , text, exit] = yield* Effect.all([
        Pipes.pump(pipes.stdout, (bytes) => handlers.onOutput("stdout", bytes)),
        Pipes.pump(pipes.stderr, (bytes) => handlers.onOutput("stderr", bytes)),
        Pipes.readText(pipes.report, maxReportBytes, () => false),
        Effect.promise(() => chain.exited)
      ], { concurrency: "unbounded" })
      const interventions = yield* guard.finish
      return Outcome.report({
        spec,
        pid,
        startedAt,
        exit,
        // a short command's report comes in one piece with its pid
        text: first + text,
        rssFactor: engine.tools.rssFactor,
        interventions
      })
    }).pipe(Effect.ensuring(guard.stop), Effect.ensuring(others.close))
  })

const notStarted = (
  engine: Engine,
  chain: LiveChain.LiveChain,
  message: string,
  said: Effect.Effect<string>
): Effect.Effect<never, BoxError> =>
  Effect.gen(function*() {
    const [text, exit] = yield* Effect.all([said, Effect.promise(() => chain.exited)], { concurrency: "unbounded" })
    return yield* Outcome.startError(message, `${chain.diagnostics()}${text}`, exit, engine.store)
  })

/** Ends a chain that does not come up. `use` gets what says that it did. */
const withinStart = <A, E>(
  chain: LiveChain.LiveChain,
  use: (begun: Effect.Effect<void>) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => setTimeout(() => void chain.killAll(), startMillis)),
    (timer) => use(Effect.sync(() => clearTimeout(timer))),
    (timer) => Effect.sync(() => clearTimeout(timer))
  )

const supervise = (
  engine: Engine,
  spec: BoxSpec,
  handlers: Handlers,
  chain: LiveChain.LiveChain,
  groups: Cgroups.Groups
): Effect.Effect<BoxReport, BoxError> =>
  withinStart(chain, (begun) =>
    Effect.gen(function*() {
      const hello = yield* Effect.promise(() => chain.hello)
      if (hello !== "up") return yield* notStarted(engine, chain, hello, Effect.succeed(""))
      return yield* Effect.acquireUseRelease(
        Effect.zipRight(
          Room.fill(chain, spec, engine.mountOptions(spec), engine.tools),
          Pipes.open(Room.pathOf(chain), Room.stdinKind(spec))
        ),
        (pipes) =>
          Effect.gen(function*() {
            void chain.exited.then(() => Pipes.finish(pipes))
            chain.go()
            const first = yield* Pipes.readText(pipes.report, maxReportBytes, (text) => /^pid \d+\n/.test(text))
            yield* begun
            const pid = /^pid (\d+)\n/.exec(first)?.[1]
            return pid === undefined
              ? yield* notStarted(engine, chain, first, Pipes.readText(pipes.stderr, maxReportBytes, () => false))
              : yield* started(engine, spec, handlers, chain, groups, pipes, Number(pid), first)
          }),
        Pipes.close
      )
    }))

/** Runs it. Whatever happens, nothing of it is left: no process, no file but its upper, no descriptor. */
export const run = (engine: Engine, spec: BoxSpec, handlers: Handlers): Effect.Effect<BoxReport, BoxError> =>
  RunFolder.withContents(
    { ...engine, spec },
    (fill) =>
      engine.chains(({ chain, groups }) => Effect.zipRight(fill, supervise(engine, spec, handlers, chain, groups)))
  )
