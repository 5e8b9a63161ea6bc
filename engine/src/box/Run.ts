/**
 * One run, from its chain's first word to the report.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { BoxHandle, Handlers } from "./Box.js"
import { BoxError, type BoxReport } from "./BoxReport.js"
import type { BoxSpec } from "./BoxSpec.js"
import { commandLine, type Mode } from "./Chain.js"
import { type FifoReader, type FifoWriter, openReader, openWriter } from "./Fifo.js"
import * as LiveChain from "./LiveChain.js"
import * as Outcome from "./Outcome.js"
import * as PidsLimit from "./PidsLimit.js"
import * as RunFolder from "./RunFolder.js"
import { maxReportBytes } from "./ShimReport.js"
import * as SizeMeter from "./SizeMeter.js"
import type { Tools } from "./Tools.js"

/** What all runs of an engine share. */
export interface Engine {
  readonly store: string
  readonly mode: Mode
  readonly tools: Tools
  /** Where each run gets a cgroup that bounds its processes; `undefined` where there can be none. */
  readonly cgroup: string | undefined
  readonly mountOptions: (spec: BoxSpec) => string
}

interface Pipes {
  readonly stdout: FifoReader
  readonly stderr: FifoReader
  readonly report: FifoReader
  readonly stdin: FifoWriter | undefined
}

// no machine is so slow; a mount that hangs would otherwise hold the run for ever
const startMillis = 300_000
const maxDelayMillis = 2_147_483_647

const openPipes = (engine: Engine, spec: BoxSpec): Effect.Effect<Pipes, BoxError> =>
  Effect.try({
    try: () => {
      const folder = `${engine.store}/${RunFolder.folderOf(spec)}`
      const opened: Array<{ readonly close: () => void }> = []
      const keep = <A extends { readonly close: () => void }>(pipe: A): A => {
        opened.push(pipe)
        return pipe
      }
      try {
        return {
          stdout: keep(openReader(`${folder}/o`)),
          stderr: keep(openReader(`${folder}/e`)),
          report: keep(openReader(`${folder}/r`)),
          stdin: spec.stdin === "open" ? keep(openWriter(`${folder}/i`)) : undefined
        }
      } catch (cause) {
        opened.forEach((pipe) => pipe.close())
        throw cause
      }
    },
    catch: (cause) => RunFolder.systemError("opening the pipes of the run", cause)
  })

const closePipes = (pipes: Pipes): Effect.Effect<void> =>
  Effect.sync(() => {
    pipes.stdout.close()
    pipes.stderr.close()
    pipes.report.close()
    pipes.stdin?.close()
  })

/** Text of a pipe up to its end or to a limit; what is over the limit is read and dropped. */
const readText = (pipe: FifoReader, limit: number, enough: (text: string) => boolean): Effect.Effect<string> =>
  Effect.gen(function*() {
    const pieces: Array<Uint8Array> = []
    let size = 0
    while (true) {
      const piece = yield* pipe.next
      if (piece === undefined) break
      if (size < limit) pieces.push(piece.subarray(0, limit - size))
      size += piece.length
      if (enough(Buffer.concat(pieces).toString("utf8"))) break
    }
    return Buffer.concat(pieces).toString("utf8")
  })

const pump = (pipe: FifoReader, stream: "stdout" | "stderr", handlers: Handlers): Effect.Effect<void> =>
  Effect.gen(function*() {
    while (true) {
      const piece = yield* pipe.next
      if (piece === undefined) return
      yield* handlers.onOutput(stream, piece)
    }
  })

const makeHandle = (pid: number, stdin: FifoWriter | undefined): BoxHandle => ({
  pid,
  writeStdin: (bytes, close) =>
    Effect.gen(function*() {
      if (stdin === undefined) {
        return yield* new BoxError({
          reason: "StdinClosed",
          description: "the run was started with its input complete: start it with an open one to write to it"
        })
      }
      if (bytes.length > 0) {
        yield* Effect.mapError(
          stdin.write(bytes),
          (error) => new BoxError({ reason: "StdinClosed", description: `writing to the command: ${error.message}` })
        )
      }
      if (close) yield* stdin.end
    })
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
  pipes: Pipes,
  pid: number,
  first: string
): Effect.Effect<BoxReport> =>
  Effect.suspend(() => {
    const startedAt = performance.now()
    const guard = watch(engine, spec, chain, pid)
    return Effect.gen(function*() {
      yield* handlers.onSpawn(makeHandle(pid, pipes.stdin))
      const [, , text, exit] = yield* Effect.all([
        pump(pipes.stdout, "stdout", handlers),
        pump(pipes.stderr, "stderr", handlers),
        readText(pipes.report, maxReportBytes, () => false),
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
    }).pipe(Effect.ensuring(guard.stop))
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

const supervise = (
  engine: Engine,
  spec: BoxSpec,
  handlers: Handlers,
  chain: LiveChain.LiveChain
): Effect.Effect<BoxReport, BoxError> =>
  Effect.gen(function*() {
    const slow = setTimeout(() => void chain.killAll(), startMillis)
    const stopSlow = Effect.sync(() => clearTimeout(slow))
    const hello = yield* Effect.promise(() => chain.hello).pipe(Effect.onInterrupt(() => stopSlow))
    if (hello !== "up") {
      yield* stopSlow
      return yield* notStarted(engine, chain, hello, Effect.succeed(""))
    }
    return yield* Effect.acquireUseRelease(
      openPipes(engine, spec),
      (pipes) =>
        Effect.gen(function*() {
          chain.go()
          const first = yield* readText(pipes.report, maxReportBytes, (text) => /^pid \d+\n/.test(text))
          yield* stopSlow
          const pid = /^pid (\d+)\n/.exec(first)?.[1]
          return pid === undefined
            ? yield* notStarted(engine, chain, first, readText(pipes.stderr, maxReportBytes, () => false))
            : yield* started(engine, spec, handlers, chain, pipes, Number(pid), first)
        }),
      closePipes
    ).pipe(Effect.ensuring(stopSlow))
  })

const launch = (engine: Engine, spec: BoxSpec, cgroup: string): LiveChain.LiveChain => {
  const [file, ...args] = commandLine(spec, {
    mode: engine.mode,
    tools: engine.tools,
    store: engine.store,
    folder: RunFolder.folderOf(spec),
    options: engine.mountOptions(spec),
    stdin: RunFolder.stdinKind(spec),
    cgroup
  })
  return LiveChain.start(file, args)
}

/** Runs it. Whatever happens, nothing of it is left: no process, no file but its upper, no descriptor. */
export const run = (engine: Engine, spec: BoxSpec, handlers: Handlers): Effect.Effect<BoxReport, BoxError> =>
  RunFolder.withFolder(
    { ...engine, spec },
    PidsLimit.withGroup(engine.cgroup, spec.operationId, (cgroup) =>
      Effect.acquireUseRelease(
        Effect.sync(() => launch(engine, spec, cgroup)),
        (chain) => supervise(engine, spec, handlers, chain),
        (chain) => Effect.promise(() => chain.killAll())
      ))
  )
