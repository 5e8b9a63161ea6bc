/**
 * One process beside the main command of a box, from its start to its report, and on until nobody holds its output.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { SubprocessHandlers } from "./Box.js"
import { BoxError, type BoxReport } from "./BoxReport.js"
import type { BoxSpec, CommandSpec } from "./BoxSpec.js"
import type { Mode } from "./Chain.js"
import * as HostProcesses from "./HostProcesses.js"
import * as LiveChain from "./LiveChain.js"
import * as Outcome from "./Outcome.js"
import * as Cgroups from "./Cgroups.js"
import * as Pipes from "./Pipes.js"
import * as Room from "./Room.js"
import * as ShimReport from "./ShimReport.js"
import * as Spawned from "./Spawned.js"
import { commandLine } from "./SubprocessScript.js"
import type { Tools } from "./Tools.js"

/** The box that it enters. */
export interface Surroundings {
  readonly store: string
  readonly mode: Mode
  readonly tools: Tools
  readonly spec: BoxSpec
  readonly chain: LiveChain.LiveChain
  /** The cgroups of the run. */
  readonly groups: Cgroups.Groups
}

// entering is a handful of system calls; a machine that needs longer is stuck
const startMillis = 60_000
// a box that is on its way down may refuse a process a moment before it is gone
const lastMomentsMillis = 2_000

/** What became of a process whose box is gone. */
export const notRunning = (): BoxError =>
  new BoxError({ reason: "NotRunning", description: "the process is over, or its box is" })

/** Whatever went wrong on the way into a box that is gone is because of that. */
const orGone = (box: Surroundings, error: BoxError): Effect.Effect<never, BoxError> =>
  Effect.flatMap(
    Effect.promise(() =>
      error.reason === "NotRunning" ? Promise.resolve(true) : LiveChain.exitsWithin(box.chain, lastMomentsMillis)
    ),
    (boxIsGone) => Effect.fail(boxIsGone ? notRunning() : error)
  )

const report = (
  box: Surroundings,
  reportId: string,
  text: string,
  pid: number,
  startedAt: number,
  endedAt: number
): BoxReport => {
  const found = ShimReport.parse(text, reportId, box.tools.rssFactor)
  return {
    pid,
    // without a report it was killed, with its box or with the program that watches it
    code: Option.match(found, { onNone: () => -1, onSome: ({ code }) => code }),
    signal: Option.match(found, { onNone: () => 9, onSome: ({ signal }) => signal }),
    timedOut: false,
    coreDump: false,
    durationMs: Math.max(0, Math.round(endedAt - startedAt)),
    resources: Option.map(found, ({ resources }) => resources),
    sizeCap: Option.none(),
    killedFromOutside: Option.isNone(found)
  }
}

const started = (
  box: Surroundings,
  reportId: string,
  live: LiveChain.LiveChain,
  pipes: Pipes.Pipes,
  pid: number,
  first: string,
  handlers: SubprocessHandlers
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const startedAt = performance.now()
    yield* handlers.onSpawn({
      pid,
      writeStdin: Pipes.writeStdin(pipes.stdin),
      signal: (signal) =>
        Effect.suspend(() => {
          const host = live.pid === undefined || live.hasExited()
            ? undefined
            : HostProcesses.enteredPid(live.pid, pid)
          return host !== undefined && HostProcesses.signalGroup(host, signal) ? Effect.void : Effect.fail(notRunning())
        })
    })
    const output = yield* Effect.fork(Effect.all([
      Pipes.pump(pipes.stdout, (bytes) => handlers.onOutput("stdout", bytes)),
      Pipes.pump(pipes.stderr, (bytes) => handlers.onOutput("stderr", bytes))
    ], { concurrency: "unbounded", discard: true }))
    const text = yield* Pipes.readText(pipes.report, ShimReport.maxReportBytes, () => false)
    const { at } = yield* Effect.promise(() => live.exited)
    pipes.stdin?.close()
    yield* Fiber.join(output)
    yield* handlers.onExit(report(box, reportId, first + text, pid, startedAt, at))
    yield* Effect.promise(() => Promise.all([pipes.stdout.gone, pipes.stderr.gone]))
  })

const notStarted = (
  box: Surroundings,
  live: LiveChain.LiveChain,
  message: string,
  said: Effect.Effect<string>
): Effect.Effect<never, BoxError> =>
  Effect.gen(function*() {
    const [text, exit] = yield* Effect.all([said, Effect.promise(() => live.exited)], { concurrency: "unbounded" })
    return yield* Outcome.startError(message, `${live.diagnostics()}${text}`, exit, box.store)
  })

const supervise = (
  box: Surroundings,
  name: string,
  reportId: string,
  spec: CommandSpec,
  live: LiveChain.LiveChain,
  handlers: SubprocessHandlers
): Effect.Effect<void, BoxError> =>
  Effect.gen(function*() {
    const slow = setTimeout(() => live.killNow(), startMillis)
    const stopSlow = Effect.sync(() => clearTimeout(slow))
    return yield* Effect.gen(function*() {
      const hello = yield* Effect.promise(() => live.hello)
      if (hello !== "up") return yield* notStarted(box, live, hello, Effect.succeed(""))
      return yield* Effect.acquireUseRelease(
        Pipes.open(`${Room.pathOf(box.chain)}/${name}`, Room.stdinKind(spec)),
        (pipes) =>
          Effect.gen(function*() {
            // its own last words are in the pipes then; what it left behind may hold them open for ever
            void live.exited.then(() => Pipes.finish(pipes))
            if (live.pid !== undefined) yield* Cgroups.join(box.groups, live.pid)
            live.go()
            const first = yield* Pipes.readText(pipes.report, ShimReport.maxReportBytes, (text) =>
              /^pid \d+\n/.test(text))
            yield* stopSlow
            const pid = /^pid (\d+)\n/.exec(first)?.[1]
            return pid === undefined
              ? yield* notStarted(
                box,
                live,
                first,
                Pipes.readText(pipes.stderr, ShimReport.maxReportBytes, () =>
                  false)
              )
              : yield* started(box, reportId, live, pipes, Number(pid), first, handlers)
          }),
        Pipes.close
      )
    }).pipe(Effect.ensuring(stopSlow))
  })

/**
 * Runs it. Done when it is over and nobody holds its output any more, at the latest when the box is gone; nothing of it is
 * left then. `onLaunch` gets what ends it before that, for a box that is gone already.
 */
export const run = (
  box: Surroundings,
  number: number,
  spec: CommandSpec,
  handlers: SubprocessHandlers,
  onLaunch: (end: () => void) => void
): Effect.Effect<void, BoxError> => {
  const name = String(number)
  const reportId = `${box.spec.operationId}.${number}`
  const launch = Effect.suspend((): Effect.Effect<LiveChain.LiveChain, BoxError> => {
    const entrance = box.chain.pid === undefined ? undefined : HostProcesses.entranceOf(box.chain.pid)
    if (entrance === undefined) return Effect.fail(notRunning())
    const [file, ...args] = commandLine({ ...box, entrance, name, reportId, stdin: Room.stdinKind(spec) })
    const live = Spawned.start(file, args)
    onLaunch(() => live.killNow())
    return Effect.succeed(live)
  })
  return Room.withPart(
    box,
    name,
    spec,
    Effect.acquireUseRelease(
      launch,
      (live) => supervise(box, name, reportId, spec, live, handlers),
      (live) => Effect.promise(() => live.killAll())
    )
  ).pipe(Effect.catchAll((error) => orGone(box, error)))
}
