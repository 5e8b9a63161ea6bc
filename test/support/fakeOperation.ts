/** The operations of the service in memory: logs that a test writes, connections that it breaks. */
import { Chunk, Deferred, Effect, Option, Stream } from "effect"
import { Ids, StreamRepr } from "effect-contree"
import type { Event, Wire } from "effect-contree"
import type { EventsError, EventsQuery } from "../../src/services/ContreeApi.js"

/** How one connection to a log behaves; the default sends what there is and waits for more. */
export interface Connection {
  /** answered with this instead of a stream */
  readonly refuse?: EventsError
  /** broken after so many events of this connection, with `error`, or closed */
  readonly dropAfter?: number
  readonly error?: EventsError
  /** so many events before the cursor are sent again */
  readonly repeat?: number
}

export const uuid = (n: number, kind = 0): string =>
  `00000000-0000-4000-8000-${kind.toString(16)}${n.toString(16).padStart(11, "0")}`
export const imageId = (n: number): Ids.ImageId => Ids.ImageId.make(uuid(n, 1))
export const fileId = (n: number): Ids.FileId => Ids.FileId.make(uuid(n, 2))

export const bytesOf = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : content

export const ts = { seconds: 1_700_000_000, nanos: 0 }

const testFiber = Effect.runSync(Effect.fiberId)

/** wakes everybody who waits for something to change */
export const makeBell = () => {
  let waiting = Deferred.unsafeMake<void>(testFiber)
  const until = <A>(look: () => Option.Option<A>): Effect.Effect<A> =>
    Effect.suspend(() => {
      const found = look()
      return Option.isSome(found)
        ? Effect.succeed(found.value)
        : Effect.zipRight(Deferred.await(waiting), until(look))
    })
  return {
    ring: () => {
      const old = waiting
      waiting = Deferred.unsafeMake<void>(testFiber)
      Deferred.unsafeDone(old, Effect.void)
    },
    until
  }
}

/** the process's end of an input: what was written, and whether that is all */
export interface FakeInput {
  readonly pieces: Array<Uint8Array>
  isClosed: boolean
}

const inputOf = (stdin: Wire.ExecSpec["stdin"]): FakeInput => {
  const bytes = stdin === undefined || stdin === null ? undefined : StreamRepr.toBytes(stdin)
  return { pieces: bytes === undefined || bytes.length === 0 ? [] : [bytes], isClosed: stdin?.close !== false }
}

const signals: Readonly<Record<string, number>> = { HUP: 1, INT: 2, KILL: 9, TERM: 15 }

const noResources = {
  user_time_us: 0,
  sys_time_us: 0,
  max_rss_kb: 0,
  shared_memory: 0,
  unshared_memory: 0,
  swaps: 0,
  minor_faults: 0,
  major_faults: 0,
  voluntary_ctx_switches: 0,
  involuntary_ctx_switches: 0,
  block_input_ops: 0,
  block_output_ops: 0,
  ipc_msgs_sent: 0,
  ipc_msgs_received: 0,
  signals_received: 0
}

/** a process beside the main command */
export class FakeSubprocess {
  readonly input: FakeInput
  state = { exit_code: -1, signal: -1 }
  readonly #out = { stdout: [] as Array<Uint8Array>, stderr: [] as Array<Uint8Array> }

  constructor(readonly operation: FakeOperation, readonly spid: Ids.Spid, readonly request: Wire.ExecSpec) {
    this.input = inputOf(request.stdin)
  }
  get isRunning(): boolean {
    return this.state.exit_code === -1 && this.state.signal === -1 && !this.operation.isOver
  }
  stdout(content: string | Uint8Array): this {
    return this.#write("stdout", bytesOf(content))
  }
  stderr(content: string | Uint8Array): this {
    return this.#write("stderr", bytesOf(content))
  }
  #write(stream: "stdout" | "stderr", bytes: Uint8Array): this {
    this.#out[stream].push(bytes)
    this.operation.emit(stream, { ...StreamRepr.fromBytes(bytes) }, this.spid)
    return this
  }
  /** the end, logged unless `isLogged` is false */
  exit(end: { readonly code?: number; readonly signal?: number }, isLogged = true): this {
    const { code = -1, signal = -1 } = end
    this.state = { exit_code: code, signal }
    if (isLogged) {
      const data = { pid: 9, code, signal, timed_out: false, duration_ms: 1, resources: noResources }
      this.operation.emit("exit", data, this.spid)
    } else this.operation.bell.ring()
    return this
  }
  toWire(): Wire.InstanceResult {
    const repr = (stream: "stdout" | "stderr") => StreamRepr.fromBytes(Buffer.concat(this.#out[stream]))
    return { state: { ...this.state, timed_out: false }, stdout: repr("stdout"), stderr: repr("stderr") }
  }
}

export class FakeOperation {
  readonly log: Array<Event.OperationEvent> = []
  readonly connections: Array<Connection> = []
  status: Wire.OperationStatus = "EXECUTING"
  error: string | null = null
  resultImage: Ids.ImageId | null = null
  result: Wire.InstanceResult | null = null
  kind: "instance" | "image_import" = "instance"
  open = 0
  readonly input: FakeInput
  /** the first has spid 2 */
  readonly subprocesses: Array<FakeSubprocess> = []
  /** what a signal does; default: it ends the process */
  onSignal: (name: string, process: FakeOperation | FakeSubprocess) => void = (name, process) => {
    const signal = signals[name] ?? 0
    if (process instanceof FakeSubprocess) process.exit({ signal })
    else process.end("SUCCESS", { signal })
  }
  /** what a process does with what is written to it, and with the end */
  onInput: (spid: number, input: FakeInput) => void = () => {}
  /** does the filter by process let the end of the run through? */
  passesCompletion = true
  readonly bell = makeBell()
  readonly #out = { stdout: [] as Array<Uint8Array>, stderr: [] as Array<Uint8Array> }
  #truncated = { stdout: false, stderr: false }

  constructor(readonly id: Ids.OperationId, readonly request: Wire.InstanceSpawnRequest) {
    this.input = inputOf(request.stdin)
  }

  get isOver(): boolean {
    return this.status === "SUCCESS" || this.status === "FAILED" || this.status === "CANCELLED"
  }
  exec(request: Wire.ExecSpec): FakeSubprocess {
    const process = new FakeSubprocess(this, Ids.Spid.make(this.subprocesses.length + 2), request)
    this.subprocesses.push(process)
    this.emit("spawn", { pid: 8 }, process.spid)
    return process
  }

  emit(type: string, data: Event.OperationEvent["data"] = {}, spid: number | null = 1): this {
    this.log.push({ id: this.log.length, ts, type, data, spid })
    this.bell.ring()
    return this
  }
  spawned(): this {
    return this.emit("init", {}, 0).emit("spawn", { pid: 1 })
  }
  write(stream: "stdout" | "stderr", content: string | Uint8Array): this {
    const bytes = bytesOf(content)
    this.#out[stream].push(bytes)
    return this.emit(stream, { ...StreamRepr.fromBytes(bytes) })
  }
  stdout(content: string | Uint8Array): this {
    return this.write("stdout", content)
  }
  stderr(content: string | Uint8Array): this {
    return this.write("stderr", content)
  }
  truncate(stream: "stdout" | "stderr", dropped: number): this {
    this.#truncated[stream] = true
    return this.emit("truncated", { stream, bytes_emitted: this.#size(stream), bytes_dropped: dropped })
  }
  #size(stream: "stdout" | "stderr"): number {
    return this.#out[stream].reduce((n, b) => n + b.length, 0)
  }
  #repr(stream: "stdout" | "stderr") {
    return {
      ...StreamRepr.fromBytes(Buffer.concat(this.#out[stream])),
      truncated: this.#truncated[stream]
    }
  }
  /** the status alone: the log says nothing of it */
  settle(status: Wire.OperationStatus, options: {
    readonly code?: number
    readonly signal?: number
    readonly timedOut?: boolean
    readonly image?: Ids.ImageId
    readonly error?: string
  } = {}): this {
    this.status = status
    this.error = options.error ?? null
    this.resultImage = options.image ?? null
    this.result = {
      state: { exit_code: options.code ?? -1, signal: options.signal ?? -1, timed_out: options.timedOut ?? false },
      resources: { user_cpu_time: 0.5, system_cpu_time: 0.25, max_rss: 1024, cost: 3 },
      stdout: this.#repr("stdout"),
      stderr: this.#repr("stderr")
    }
    this.bell.ring()
    return this
  }
  end(status: Wire.OperationStatus, options: Parameters<FakeOperation["settle"]>[1] = {}): this {
    this.settle(status, options)
    return this.emit("completion", { status, error: this.error, result_image_uuid: this.resultImage }, null)
  }
  exit(code = 0, image?: Ids.ImageId): this {
    return this.end("SUCCESS", image === undefined ? { code } : { code, image })
  }

  /** what it has written so far, as a status that is asked for it tells */
  get inflight(): Wire.InstanceResult {
    return { stdout: this.#repr("stdout"), stderr: this.#repr("stderr") }
  }

  toWire(inflight = false): Wire.Operation {
    const result = this.result ?? (inflight ? this.inflight : null)
    const common = {
      uuid: this.id,
      status: this.status,
      error: this.error,
      duration: 1.5,
      result_image_uuid: this.resultImage
    }
    return this.kind === "instance"
      ? { ...common, kind: "instance", metadata: { ...this.request, result } }
      : { ...common, kind: "image_import", metadata: null }
  }

  #passes(event: Event.OperationEvent, spid: number | undefined): boolean {
    return spid === undefined || event.spid === spid || (event.type === "completion" && this.passesCompletion)
  }

  connect(query: EventsQuery | undefined): Stream.Stream<Event.OperationEvent, EventsError> {
    return Stream.unwrapScoped(Effect.gen(this, function*() {
      const behaviour = this.connections.shift() ?? {}
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          this.open++
        }),
        () =>
          Effect.sync(() => {
            this.open--
            this.bell.ring()
          })
      )
      if (behaviour.refuse !== undefined) return Stream.fail(behaviour.refuse)
      let cursor = Math.max(0, (query?.lastEventId ?? -1) + 1 - (behaviour.repeat ?? 0))
      let sent = 0
      const limit = behaviour.dropAfter ?? Infinity
      const next = Effect.suspend((): Effect.Effect<Chunk.Chunk<Event.OperationEvent>, Option.Option<EventsError>> => {
        if (sent >= limit) return Effect.fail(Option.fromNullable(behaviour.error))
        const events = this.log.slice(cursor, cursor + (limit - sent))
        if (events.length > 0) {
          cursor += events.length
          sent += events.length
          return Effect.succeed(Chunk.unsafeFromArray(events.filter((event) => this.#passes(event, query?.spid))))
        }
        const isOver = this.log.at(-1)?.type === "completion"
        if (isOver || query?.follow !== true) return Effect.fail(Option.none())
        const at = cursor
        return Effect.as(
          this.bell.until(() => this.log.length > at ? Option.some(undefined) : Option.none()),
          Chunk.empty<Event.OperationEvent>()
        )
      })
      return Stream.repeatEffectChunkOption(next)
    }))
  }
}
