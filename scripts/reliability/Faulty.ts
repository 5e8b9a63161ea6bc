/**
 * Runs under scripts of faults. Each prints the same known mebibyte through a proxy of its own; its script says
 * beforehand whether it must come to its end.
 */
import { FetchHttpClient } from "@effect/platform"
import type { HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import type { ContreeLocal } from "contree-local"
import { FaultProxy } from "contree-local"
import { Cause, Duration, Effect, Exit, Layer, Option } from "effect"
import { Command, Contree, Errors, Images, Operations } from "effect-contree"
import { UndiciClient } from "effect-contree/node"
import type { Redacted } from "effect"
import { engineOn } from "./Engines.js"

/** lines that differ, so that what is missing, double or misplaced shows; no more than a run keeps unless told */
const size = 1024 * 1024
const script = `seq -w 1 200000 | head -c ${size}`

/** what the script prints: numbers of six digits, a line each */
const printed = (): Buffer => {
  const lines: Array<string> = []
  for (let n = 1; lines.length * 7 < size; n++) lines.push(String(n).padStart(6, "0"))
  return Buffer.from(`${lines.join("\n")}\n`).subarray(0, size)
}
const expected = printed()

const clients: ReadonlyArray<readonly [string, Layer.Layer<HttpClient.HttpClient>]> = [
  ["effect-contree/node", UndiciClient.layer],
  ["undici", NodeHttpClient.layerUndici],
  ["node", NodeHttpClient.layer],
  ["fetch", FetchHttpClient.layer]
]

/** what holds a run up for longer holds it up for ever, on a slow machine too */
const deadline = Duration.minutes(15)

export interface Verdict {
  readonly seed: number
  readonly client: string
  readonly recoverable: boolean
  /** `ok`, the tag of an error, or what is wrong about it */
  readonly got: string
  readonly wrong: "success" | "bytes" | "failure" | "hang" | "defect" | "spawns" | undefined
  /** spawns that reached the engine */
  readonly spawns: number
  readonly faults: number
  readonly millis: number
}

interface Server {
  readonly url: string
  readonly token: Redacted.Redacted<string>
}

/** An engine, and after how long a silent connection to it counts as dead: on a slow machine a live one is silent too. */
export interface Paced extends Server {
  readonly idleTimeout: Duration.Duration
}

const operationsOf = (server: Server) =>
  Contree.layer({ token: server.token, baseUrl: server.url }).pipe(Layer.provide(NodeHttpClient.layerUndici))

/** Ten times what a run takes that nothing happens to, and two seconds at least. */
export const paced = (server: Server): Effect.Effect<Paced, Errors.ContreeError> =>
  Effect.flatMap(run, (begin) => begin(0)).pipe(
    Effect.provide(operationsOf(server)),
    Effect.timed,
    Effect.map(([taken]) => ({
      ...server,
      idleTimeout: Duration.max(Duration.seconds(2), Duration.times(taken, 10))
    }))
  )

const run = Effect.gen(function*() {
  const images = yield* Images.Images
  const busybox = yield* images.use("busybox:latest")
  return (code: number) => busybox.run(Command.shell`${Command.unquoted(script)}; exit ${String(code)}`)
})

const judge = (
  recoverable: boolean,
  code: number,
  exit: Exit.Exit<Option.Option<{ readonly bytes: Uint8Array; readonly exitCode: number | undefined }>, unknown>
): Pick<Verdict, "got" | "wrong"> => {
  if (Exit.isFailure(exit)) {
    const failure = Option.getOrUndefined(Cause.failureOption(exit.cause))
    if (!Errors.isContreeError(failure)) return { got: Cause.pretty(exit.cause), wrong: "defect" }
    const got = `${failure._tag}: ${failure.message}`
    return { got, wrong: recoverable ? "failure" : undefined }
  }
  if (Option.isNone(exit.value)) return { got: `nothing in ${Duration.format(deadline)}`, wrong: "hang" }
  const { bytes, exitCode } = exit.value.value
  if (!expected.equals(bytes)) return { got: `${bytes.length} bytes, and not those`, wrong: "bytes" }
  if (exitCode !== code) return { got: `exit ${exitCode} and not ${code}`, wrong: "bytes" }
  return { got: "ok", wrong: recoverable ? undefined : "success" }
}

/** One seed, and all that is wrong about it. */
export const one = (server: Paced, seed: number): Effect.Effect<Verdict, ContreeLocal.EngineError> =>
  Effect.gen(function*() {
    const faults = FaultProxy.generate(seed, { length: size + size / 8 })
    const recoverable = FaultProxy.isRecoverable(faults)
    const proxy = yield* FaultProxy.make({ target: server.url, script: faults })
    const [client, http] = clients[seed % clients.length]!
    const code = seed % 7
    const services = Contree.layer({
      token: server.token,
      baseUrl: proxy.url,
      idleTimeout: server.idleTimeout,
      requestTimeout: Duration.max(Duration.minutes(1), server.idleTimeout)
    }).pipe(Layer.provide(http))
    const started = performance.now()
    const exit = yield* Effect.flatMap(run, (begin) => begin(code)).pipe(
      Effect.map(({ exitCode, stdout }) => ({ exitCode, bytes: stdout.bytes })),
      Effect.provide(services),
      Effect.timeoutOption(deadline),
      Effect.exit
    )
    const seen = yield* proxy.seen
    const spawns = seen.filter(({ forwarded, route }) => route === "spawn" && forwarded).length
    const verdict = judge(recoverable, code, exit)
    return {
      seed,
      client,
      recoverable,
      ...verdict,
      wrong: spawns > 1 ? "spawns" : verdict.wrong,
      spawns,
      faults: seen.filter(({ fault }) => fault !== undefined).length,
      millis: performance.now() - started
    }
  }).pipe(Effect.scoped)

/** An engine's life: its log holds every run's output, so it is not let grow without end. */
const batchSize = 100

const batch = (
  seeds: ReadonlyArray<number>,
  concurrency: number
): Effect.Effect<ReadonlyArray<Verdict>, ContreeLocal.EngineError | Errors.ContreeError> =>
  Effect.gen(function*() {
    const server = yield* Effect.flatMap(engineOn, paced)
    const verdicts = yield* Effect.forEach(seeds, (seed) => one(server, seed), { concurrency })
    const operations = yield* Effect.flatMap(Operations.Operations, (all) => all.list({ number: "all" })).pipe(
      Effect.provide(operationsOf(server))
    )
    // one more, which showed the pace
    const forwarded = verdicts.reduce((sum, { spawns }) => sum + spawns, 1)
    // the engine counts too: what it ran is what the proxies handed on
    if (operations.length > forwarded) {
      return yield* Effect.dieMessage(`${forwarded} spawns reached the engine, and it has ${operations.length} runs`)
    }
    return verdicts
  }).pipe(Effect.scoped)

/** Seeds from `seed` on; `report` hears how far it is. */
export const all = (options: {
  readonly seed: number
  readonly count: number
  readonly concurrency: number
  readonly report: (done: ReadonlyArray<Verdict>) => Effect.Effect<void>
}): Effect.Effect<ReadonlyArray<Verdict>, ContreeLocal.EngineError | Errors.ContreeError> =>
  Effect.gen(function*() {
    const verdicts: Array<Verdict> = []
    for (let at = 0; at < options.count; at += batchSize) {
      const seeds = Array.from({ length: Math.min(batchSize, options.count - at) }, (_, i) => options.seed + at + i)
      verdicts.push(...(yield* batch(seeds, options.concurrency)))
      yield* options.report(verdicts)
    }
    return verdicts
  })
