/**
 * What a run's event log adds up to: exit, resource use, and the bytes of both streams. Built when somebody asks, so
 * that no run holds its output in memory. Protocol: section 3.7.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Event from "effect-contree/Event"
import * as StreamRepr from "effect-contree/StreamRepr"
import type { EventLine } from "./EventLines.js"
import type { EventLog } from "./EventLog.js"
import type { EventLogError } from "./EventLogError.js"

// for the two that are small and come once; output is megabytes, and a schema takes a second for them
const decodeLine = Schema.decodeUnknownOption(Schema.parseJson(Event.OperationEvent))

/** Text of ASCII as text, all else as bytes. */
type Piece = string | Uint8Array

interface Gathered {
  pid: number
  exit: Event.Payload<"exit"> | undefined
  readonly stdout: Array<Piece>
  readonly stderr: Array<Piece>
  readonly cut: Set<string>
}

const interesting = new Set(["spawn", "stdout", "stderr", "exit"])

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

const addOutput = (gathered: Gathered, stream: "stdout" | "stderr", json: string): void => {
  const event = parsed(json)
  const data = isRecord(event) ? event["data"] : undefined
  if (!isRecord(data) || typeof data["value"] !== "string") return
  const value = data["value"]
  gathered[stream].push(data["encoding"] === "base64" ? Buffer.from(value, "base64") : value)
  if (data["truncated"] === true) gathered.cut.add(stream)
}

const add = (gathered: Gathered, line: EventLine): void => {
  if (line.type === "stdout" || line.type === "stderr") return addOutput(gathered, line.type, line.json)
  const envelope = decodeLine(line.json)
  if (envelope._tag === "None") return
  const event = Event.fromEnvelope(envelope.value)
  if (event._tag === "spawn") gathered.pid = event.data.pid
  if (event._tag === "exit") gathered.exit = event.data
}

const isText = (piece: Piece): piece is string => typeof piece === "string"

const whole = (pieces: ReadonlyArray<Piece>): ReturnType<typeof StreamRepr.fromBytes> =>
  pieces.every(isText)
    ? { value: pieces.join(""), encoding: "ascii" }
    : StreamRepr.fromBytes(Buffer.concat(pieces.map((piece) => isText(piece) ? Buffer.from(piece, "latin1") : piece)))

const seconds = (microseconds: number): number => microseconds < 0 ? -1 : microseconds / 1e6

const resourcesOf = (exit: Event.Payload<"exit">): Record<string, number> => ({
  block_input: exit.resources.block_input_ops,
  block_output: exit.resources.block_output_ops,
  involuntary_switches: exit.resources.involuntary_ctx_switches,
  voluntary_switches: exit.resources.voluntary_ctx_switches,
  max_rss: exit.resources.max_rss_kb,
  page_faults: exit.resources.minor_faults,
  page_faults_io: exit.resources.major_faults,
  shared_memory: exit.resources.shared_memory,
  unshared_memory: exit.resources.unshared_memory,
  signals: exit.resources.signals_received,
  swaps: exit.resources.swaps,
  elapsed_time: exit.duration_ms / 1000,
  monotonic_time: exit.duration_ms / 1000,
  user_cpu_time: seconds(exit.resources.user_time_us),
  system_cpu_time: seconds(exit.resources.sys_time_us),
  // one machine, nobody to pay
  cost: 0
})

// what was killed along with its sandbox
const killed = 9

const render = (gathered: Gathered, over: boolean): Record<string, unknown> => {
  const { exit } = gathered
  const stream = (name: "stdout" | "stderr"): unknown => ({
    ...whole(gathered[name]),
    truncated: gathered.cut.has(name)
  })
  return {
    resources: exit === undefined ? null : resourcesOf(exit),
    state: {
      exit_code: exit?.code ?? -1,
      pid: gathered.pid,
      signal: exit?.signal ?? (over ? killed : -1),
      timed_out: exit?.timed_out ?? false,
      core_dump: exit?.core_dump ?? false,
      stopped: false,
      continued: false
    },
    stdout: stream("stdout"),
    stderr: stream("stderr")
  }
}

/**
 * The `InstanceResult` of process `spid` as the wire shows it, of what is in the log by now: -1 for code and signal of a
 * process that goes on. `null` when it has not begun, or there is no log. With `over`, a process whose end nobody wrote
 * down is one that was killed with its sandbox: whoever asks until it has ended must not ask for ever.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromLog = (
  log: EventLog,
  operationId: string,
  spid: number,
  options: { readonly over?: boolean | undefined } = {}
): Effect.Effect<Record<string, unknown> | null, EventLogError> => {
  const gathered: Gathered = { pid: -1, exit: undefined, stdout: [], stderr: [], cut: new Set() }
  const note = (lines: Iterable<EventLine>): void => {
    for (const line of lines) if (line.spid === spid && interesting.has(line.type)) add(gathered, line)
  }
  return Effect.flatMap(log.pull(operationId), (pull) => {
    const all: Effect.Effect<void, Option.Option<EventLogError>> = Effect.flatMap(pull, (lines) => {
      note(lines)
      return all
    })
    return Effect.catchAll(all, Option.match({ onNone: () => Effect.void, onSome: Effect.fail }))
  }).pipe(
    Effect.scoped,
    Effect.map(() => gathered.pid === -1 ? null : render(gathered, options.over === true)),
    Effect.catchAll((error) => error.missing ? Effect.succeed(null) : Effect.fail(error))
  )
}
