/**
 * `contree-local run`: a command in an image, as if it ran here.
 *
 * @since 0.1.0
 */
import type { ImageId } from "effect-contree/Ids"
import * as StreamRepr from "effect-contree/StreamRepr"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { EngineError } from "../EngineError.js"
import type { EventLine } from "../run/EventLines.js"
import type { EventLogError } from "../run/EventLogError.js"
import type { Refusal } from "../run/Refusal.js"
import type { RunPlan } from "../run/RunPlan.js"
import * as RunRequest from "../run/RunRequest.js"
import * as Engines from "../server/Engine.js"
import type { Engine } from "../server/Engine.js"
import * as Start from "../server/Start.js"
import type { StoreError } from "../store/StoreError.js"
import type { Parsed } from "./Args.js"
import type { CommandError } from "./CommandError.js"
import { commandError } from "./CommandError.js"
import * as ExitCode from "./ExitCode.js"
import type { End } from "./Follow.js"
import * as Follow from "./Follow.js"
import * as ImageName from "./ImageName.js"
import * as Signals from "./Signals.js"
import type * as Specs from "./Specs.js"
import * as Stdin from "./Stdin.js"
import * as Stores from "./Stores.js"
import * as Terminal from "./Terminal.js"
import * as Text from "./Text.js"

type Given = Parsed<(typeof Specs.run)["options"]>
type Failure = CommandError | EngineError | EventLogError | StoreError

/**
 * Of each stream. The wire's own limit is for answers that are held in memory; here the log on disk holds what was not
 * read yet, and keeps it.
 */
const maxOutputBytes = 4 * 1024 ** 3

/** What the run showed on its way. */
interface Seen {
  exit: ExitCode.Exit | undefined
  cut: boolean
}

/** Whoever read our output has gone. */
class NobodyReads extends Schema.TaggedError<NobodyReads>("contree-local/NobodyReads")("NobodyReads", {}) {}

const Output = Schema.parseJson(Schema.Struct({
  data: Schema.Struct({ value: Schema.String, encoding: Schema.Literal("ascii", "base64") })
}))
const Exit = Schema.parseJson(Schema.Struct({
  data: Schema.Struct({ code: Schema.Number, signal: Schema.Number, timed_out: Schema.Boolean })
}))

const unreadable = (): CommandError => commandError("the engine's own log cannot be read: it is damaged")

const read = <A>(schema: Schema.Schema<A, string>, line: EventLine): Effect.Effect<A, CommandError> =>
  Effect.mapError(Schema.decode(schema)(line.json), unreadable)

const ofThisProcess = (name: string): string | undefined => process.env[name]

/** `NAME=VALUE`, or `NAME` for what this process has. */
const envOf = (words: ReadonlyArray<string>): Effect.Effect<Record<string, string>, CommandError> =>
  Effect.suspend(() => {
    const env = new Map<string, string>()
    for (const word of words) {
      const at = word.indexOf("=")
      const name = at === -1 ? word : word.slice(0, at)
      const value = at === -1 ? ofThisProcess(name) : word.slice(at + 1)
      if (name === "") return commandError("--env needs a name before the =")
      if (value === undefined) return commandError(`--env ${name}: it is not set here; give its value, as ${name}=...`)
      env.set(name, value)
    }
    return Effect.succeed(Object.fromEntries(env))
  })

const requestOf = (
  { options, rest: [command = "", ...args] }: Given,
  image: ImageId,
  hasInput: boolean
): Effect.Effect<RunRequest.RunRequest, CommandError | Refusal> =>
  Effect.gen(function*() {
    const request = yield* RunRequest.make({
      image,
      command,
      args,
      env: yield* envOf(options.env),
      cwd: options.cwd ?? "",
      disposable: !options.keep && options.tag === undefined,
      timeout: options.timeout ?? RunRequest.limits.maxTimeoutSeconds,
      truncate_output_at: RunRequest.limits.maxTruncateAt,
      networking: { enabled: options.network === "host" },
      ...(hasInput ? { stdin: { value: "", encoding: "ascii", close: false } } : {})
    }, { network: "none" })
    return { ...request, truncateAt: maxOutputBytes, echo: { ...request.echo, truncate_output_at: maxOutputBytes } }
  })

/** It speaks of the request; its status is for programs. */
const refused = ({ error }: Refusal): Effect.Effect<never, CommandError> => commandError(error)

/** Gives the command what is piped in, as fast as it reads, and then the end of it. */
const feed = (engine: Engine, id: string): Effect.Effect<void> =>
  Effect.gen(function*() {
    const processes = yield* engine.runner.processes(id)
    // its event is written a moment before its input can be reached
    const command = yield* Effect.retry(processes.get(1), {
      schedule: Schedule.spaced("10 millis"),
      while: ({ status }) => status === 425
    })
    for (let bytes = yield* Stdin.next(process.stdin); bytes !== undefined; bytes = yield* Stdin.next(process.stdin)) {
      yield* command.write({ bytes, close: false })
    }
    yield* command.write({ bytes: new Uint8Array(0), close: true })
  }).pipe(
    // it has ended, or reads no more: then what is left is nobody's
    Effect.ignore
  )

const show = (
  engine: Engine,
  plan: RunPlan,
  seen: Seen
) =>
(line: EventLine): Effect.Effect<void, CommandError | NobodyReads, Scope.Scope> =>
  Effect.gen(function*() {
    if (line.spid !== 1) return
    switch (line.type) {
      case "spawn": {
        if (plan.request.stdin === "open") yield* Effect.forkScoped(feed(engine, plan.operationId))
        return
      }
      case "stdout":
      case "stderr": {
        const { data } = yield* read(Output, line)
        const bytes = StreamRepr.toBytes(data)
        if (bytes === undefined) return yield* unreadable()
        const isRead = yield* Terminal.writeBytes(line.type === "stdout" ? process.stdout : process.stderr, bytes)
        return isRead || line.type === "stderr" ? undefined : yield* new NobodyReads()
      }
      case "truncated": {
        seen.cut = true
        return
      }
      case "exit": {
        seen.exit = (yield* read(Exit, line)).data
      }
    }
  })

/** What became of the files, and the tag. Gives whether all that was asked for was done. */
const kept = (
  engine: Engine,
  plan: RunPlan,
  end: End,
  code: number,
  tag: string | undefined
): Effect.Effect<boolean, StoreError> =>
  Effect.gen(function*() {
    if (plan.request.disposable) return true
    if (end.image === null) {
      yield* Terminal.say("no image was made")
      return tag === undefined
    }
    const changed = end.image === plan.imageId ? "the files are as they were: image" : "image"
    if (tag === undefined) {
      yield* Terminal.say(`${changed} ${end.image}`)
      return true
    }
    if (code !== 0) {
      yield* Terminal.say(`${changed} ${end.image}; not tagged ${tag}, since the command ended with ${code}`)
      return true
    }
    const tagged = yield* engine.store.images.setTag(end.image, tag)
    yield* Terminal.say(
      Option.isSome(tagged)
        ? `${changed} ${end.image}, tagged ${tag}`
        : `${changed} ${end.image}; not tagged ${tag}, since it was collected as garbage in the meantime`
    )
    return Option.isSome(tagged)
  })

const finish = (
  engine: Engine,
  plan: RunPlan,
  end: End,
  seen: Seen,
  tag: string | undefined
): Effect.Effect<number, CommandError | StoreError> =>
  Effect.gen(function*() {
    if (end.status !== "SUCCESS") {
      return yield* commandError(`the run ended ${end.status}${end.error === null ? "" : `: ${end.error}`}`)
    }
    const code = ExitCode.of(seen.exit)
    if (code === ExitCode.timedOut && seen.exit?.timed_out === true) {
      yield* Terminal.say(`the command took longer than ${plan.request.timeoutSeconds} s and was killed`)
    }
    const isDone = yield* kept(engine, plan, end, code, tag)
    if (!seen.cut) return code === 0 && !isDone ? 1 : code
    yield* Terminal.say(
      `the output was longer than ${Text.bytes(maxOutputBytes)}, and its rest is lost: write it to a file`
    )
    return code === 0 ? 1 : code
  })

const work = (given: Given): Effect.Effect<number, Failure | Refusal, Scope.Scope> =>
  Effect.gen(function*() {
    const { operand, options } = given
    const store = yield* Stores.pathOf(options.store)
    const engine = yield* Start.parts({ store, images: ImageName.isBusybox(operand) ? undefined : [] })
    const image = yield* ImageName.resolve(engine.store, operand)
    const request = yield* requestOf(given, image, process.stdin.isTTY !== true)
    const seen: Seen = { exit: undefined, cut: false }
    const end = yield* Effect.acquireUseRelease(
      engine.runner.spawn(request),
      (plan) =>
        Effect.map(
          Follow.toEnd(
            { ...engine, known: (row) => Engines.known(engine, row) },
            plan.operationId,
            show(engine, plan, seen)
          ),
          (end) => ({ end, plan })
        ),
      // one that has ended is not there any more
      (plan, exit) => exit._tag === "Success" ? Effect.void : Effect.ignore(engine.runner.cancel(plan.operationId))
    )
    return yield* finish(engine, end.plan, end.end, seen, options.tag)
  }).pipe(
    Effect.catchTag("NobodyReads", () => Effect.succeed(Signals.exitCode("SIGPIPE"))),
    // an open pipe that nobody reads would keep this program alive
    Effect.ensuring(Effect.sync(() => process.stdin.isTTY === true ? undefined : process.stdin.destroy()))
  )

/**
 * The exit code is that of the command. A signal cancels the run and waits for its end.
 *
 * @since 0.1.0
 * @category commands
 */
export const main = (given: Given): Effect.Effect<number, Failure> =>
  Signals.orInterrupted(Effect.catchTag(Effect.scoped(work(given)), "Refusal", refused))
