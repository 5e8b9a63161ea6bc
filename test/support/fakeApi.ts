import { Chunk, Deferred, Duration, Effect, Layer, Option, Redacted, Schedule, Stream } from "effect"
import { Errors, Ids, StreamRepr } from "effect-contree"
import type { Event, Wire } from "effect-contree"
import { createHash } from "node:crypto"
import { ContreeApi } from "../../src/services/ContreeApi.js"
import type { EventsError, EventsQuery, Service } from "../../src/services/ContreeApi.js"
import { ContreeConfig } from "../../src/services/ContreeConfig.js"
import type { Service as Config } from "../../src/services/ContreeConfig.js"
import * as Images from "../../src/services/Images.js"
import * as Operations from "../../src/services/Operations.js"
import * as Files from "../../src/services/Files.js"

/**
 * A service in memory, one method a request: operations with logs that a test writes, connections that a test breaks,
 * and every request on record. Nothing in it waits for time: all waiting is for events.
 */
export interface Call {
  readonly method: string
  readonly args: ReadonlyArray<unknown>
}

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

const bytesOf = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : content

const ts = { seconds: 1_700_000_000, nanos: 0 }

/** wakes everybody who waits for something to change */
const makeBell = () => {
  let waiting = Deferred.unsafeMake<void>(testFiber)
  return {
    ring: () => {
      const old = waiting
      waiting = Deferred.unsafeMake<void>(testFiber)
      Deferred.unsafeDone(old, Effect.void)
    },
    until: <A>(look: () => Option.Option<A>): Effect.Effect<A> =>
      Effect.suspend(() => {
        const found = look()
        if (Option.isSome(found)) return Effect.succeed(found.value)
        return Effect.zipRight(Deferred.await(waiting), bellUntil(look))
      })
  }
  function bellUntil<A>(look: () => Option.Option<A>): Effect.Effect<A> {
    return Effect.suspend(() => {
      const found = look()
      return Option.isSome(found)
        ? Effect.succeed(found.value)
        : Effect.zipRight(Deferred.await(waiting), bellUntil(look))
    })
  }
}
const testFiber = Effect.runSync(Effect.fiberId)

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

export interface Fake {
  readonly api: Service
  readonly config: Config
  readonly calls: Array<Call>
  readonly operations: Array<FakeOperation>
  readonly tags: Map<string, Ids.ImageId>
  readonly files: Map<string, { readonly bytes: Uint8Array; readonly id: Ids.FileId }>
  /** what a spawned operation does; default: ends with 0, and a new image unless disposable */
  onSpawn: (operation: FakeOperation) => void
  /** what an import does; default: ends well, with a new image that has the tag */
  onImport: (operation: FakeOperation, request: Wire.ImageImportRequest) => void
  /** what a process beside the main command does; default: exits with 0 */
  onExec: (process: FakeSubprocess) => void
  /** what stands between a request and its answer, by method */
  readonly before: Map<string, Effect.Effect<void, never>>
  /** what a method answers instead, once each, in order */
  readonly failures: Map<string, Array<unknown>>
  readonly named: (method: string) => ReadonlyArray<Call>
  /** until so many requests of a method came */
  readonly awaitCalls: (method: string, count?: number) => Effect.Effect<void>
}

const conflict = (method: string) => new Errors.ConflictError({ method, status: 409 })
const notFound = (method: string) => new Errors.NotFoundError({ method, status: 404 })

export const makeFake = (options: Partial<Config> = {}): Fake => {
  const calls: Array<Call> = []
  const bell = makeBell()
  const failures = new Map<string, Array<unknown>>()
  const before = new Map<string, Effect.Effect<void>>()
  let images = 100

  // Failures are given by tests for the method they script, which its type says to them.
  const on = <A, E>(
    method: string,
    args: ReadonlyArray<unknown>,
    answer: () => Effect.Effect<A, E>
  ): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      calls.push({ method, args })
      bell.ring()
      return Effect.zipRight(
        before.get(method) ?? Effect.void,
        Effect.suspend(() => {
          const queued = failures.get(method)
          return queued !== undefined && queued.length > 0 ? Effect.fail(queued.shift() as E) : answer()
        })
      )
    })

  const find = (method: string, id: Ids.OperationId) => {
    const operation = fake.operations.find((o) => o.id === id)
    return operation === undefined ? Effect.fail(notFound(method)) : Effect.succeed(operation)
  }
  const isAlive = (process: FakeOperation | FakeSubprocess): boolean =>
    process instanceof FakeSubprocess ? process.isRunning : !process.isOver
  const findProcess = (
    method: string,
    id: Ids.OperationId,
    spid: Ids.Spid
  ): Effect.Effect<FakeOperation | FakeSubprocess, Errors.NotFoundError> =>
    Effect.flatMap(find(method, id), (operation) => {
      const process = spid === 1 ? operation : operation.subprocesses[spid - 2]
      return process === undefined ? Effect.fail(notFound(method)) : Effect.succeed(process)
    })

  const api: Service = {
    whoami: on("whoami", [], () =>
      Effect.succeed({
        token_uuid: uuid(1),
        token_expiration: null,
        permissions: {},
        operations_stat: {},
        limits: { instance_max_concurrency: 3 }
      })),
    listImages: (query) =>
      on("listImages", [query], () => {
        const all = [...fake.tags].map(([tag, id]) => ({ uuid: id, tag }))
        return Effect.succeed(all.slice(query?.offset ?? 0, (query?.offset ?? 0) + (query?.limit ?? 100)))
      }),
    setImageTag: (id, tag) =>
      on("setImageTag", [id, tag], () =>
        Effect.sync(() => {
          fake.tags.set(tag, id)
          return { uuid: id, tag }
        })),
    deleteImageTag: (id, tag) =>
      on("deleteImageTag", [id, tag], () =>
        tag !== undefined && fake.tags.get(tag) === id
          ? Effect.sync(() => void fake.tags.delete(tag))
          : Effect.fail(notFound("deleteImageTag"))),
    importImage: (request) =>
      on("importImage", [request], () =>
        Effect.sync(() => {
          const operation = new FakeOperation(Ids.OperationId.make(uuid(fake.operations.length + 1)), {
            command: "",
            image: ""
          })
          operation.kind = "image_import"
          fake.operations.push(operation)
          fake.onImport(operation, request)
          bell.ring()
          return operation.id
        })),
    listFiles: (query) =>
      on("listFiles", [query], () =>
        Effect.succeed(
          [...fake.files].map(([sha256, { bytes, id }]) => ({
            uuid: id,
            sha256: Ids.Sha256.make(sha256),
            size: bytes.length,
            created_at: ts,
            updated_at: ts
          }))
        )),
    uploadFile: (content) =>
      Effect.gen(function*() {
        const bytes = content instanceof Uint8Array
          ? content
          : Uint8Array.from(Chunk.toReadonlyArray(yield* Stream.runCollect(content)).flatMap((piece) => [...piece]))
        return yield* on("uploadFile", [bytes], () =>
          Effect.sync(() => {
            const sha256 = createHash("sha256").update(bytes).digest("hex")
            const id = fake.files.get(sha256)?.id ?? fileId(fake.files.size + 1)
            fake.files.set(sha256, { bytes, id })
            return { uuid: id, sha256: Ids.Sha256.make(sha256), size: bytes.length }
          }))
      }),
    getFile: (sha256) =>
      on("getFile", [sha256], () => {
        const file = fake.files.get(sha256)
        return file === undefined
          ? Effect.fail(notFound("getFile"))
          : Effect.succeed({ uuid: file.id, sha256, size: file.bytes.length, created_at: ts, updated_at: ts })
      }),
    checkFile: (sha256) => on("checkFile", [sha256], () => Effect.succeed(fake.files.has(sha256))),
    spawnInstance: (request) =>
      on("spawnInstance", [request], () =>
        Effect.sync(() => {
          const operation = new FakeOperation(Ids.OperationId.make(uuid(fake.operations.length + 1)), request)
          fake.operations.push(operation)
          fake.onSpawn(operation)
          bell.ring()
          return operation.id
        })),
    listOperations: (query) =>
      on(
        "listOperations",
        [query],
        () => Effect.succeed(fake.operations.map((o) => ({ uuid: o.id, status: o.status })))
      ),
    getOperation: (id, options) =>
      on("getOperation", [id], () => Effect.map(find("getOperation", id), (o) => o.toWire(options?.inflight))),
    cancelOperation: (id) =>
      on(
        "cancelOperation",
        [id],
        () =>
          Effect.flatMap(find("cancelOperation", id), (o) =>
            o.status === "EXECUTING" || o.status === "PENDING" || o.status === "ASSIGNED"
              ? Effect.sync(() =>
                void o.end("CANCELLED")
              )
              : Effect.fail(new Errors.ConflictError({ method: "cancelOperation", status: 409 })))
      ),
    operationEvents: (id, query) =>
      Stream.unwrap(
        on("operationEvents", [id, query], () => Effect.map(find("operationEvents", id), (o) => o.connect(query)))
      ),
    createSubprocess: (id, request) =>
      on("createSubprocess", [id, request], () =>
        Effect.flatMap(find("createSubprocess", id), (o) => {
          if (o.isOver) return Effect.fail(conflict("createSubprocess"))
          const process = o.exec(request)
          fake.onExec(process)
          return Effect.succeed(process.spid)
        })),
    getSubprocess: (id, spid) =>
      on(
        "getSubprocess",
        [id, spid],
        () =>
          Effect.flatMap(findProcess("getSubprocess", id, spid), (process) =>
            process instanceof FakeSubprocess
              ? Effect.succeed(process.toWire())
              : Effect.succeed(process.result ?? { state: { exit_code: -1, signal: -1 } }))
      ),
    killSubprocess: (id, spid, signal) =>
      on(
        "killSubprocess",
        [id, spid, signal],
        () =>
          Effect.flatMap(findProcess("killSubprocess", id, spid), (process) => {
            const operation = process instanceof FakeSubprocess ? process.operation : process
            if (!isAlive(process)) return Effect.fail(conflict("killSubprocess"))
            operation.onSignal(signal ?? "KILL", process)
            return Effect.void
          })
      ),
    writeSubprocessStdin: (id, spid, { bytes, close }) =>
      on(
        "writeSubprocessStdin",
        [id, spid, { bytes, close }],
        () =>
          Effect.flatMap(findProcess("writeSubprocessStdin", id, spid), (process) => {
            if (!isAlive(process) || process.input.isClosed) return Effect.fail(conflict("writeSubprocessStdin"))
            if (bytes.length > 0) process.input.pieces.push(bytes)
            process.input.isClosed = close === true
            const operation = process instanceof FakeSubprocess ? process.operation : process
            operation.emit("stdin", { ...StreamRepr.fromBytes(bytes) }, spid)
            operation.onInput(spid, process.input)
            return Effect.void
          })
      ),
    findImageByTag: (tag) =>
      on("findImageByTag", [tag], () => {
        const id = fake.tags.get(tag)
        return id === undefined ? Effect.fail(notFound("findImageByTag")) : Effect.succeed(id)
      }),
    inspectImage: (id) => on("inspectImage", [id], () => Effect.succeed({ uuid: id, tag: null, created_at: ts })),
    listDirectory: (id, path) =>
      on("listDirectory", [id, path], () =>
        Effect.succeed({
          path,
          files: [{
            size: 5,
            path: "a b\n",
            owner: "root",
            group: 0,
            uid: 0,
            gid: 0,
            mode: 0o100644,
            mtime: 1_700_000_000,
            nlink: 1,
            is_dir: false,
            is_regular: true,
            is_symlink: false,
            is_socket: false,
            is_fifo: false,
            symlink_to: ""
          }]
        })),
    downloadFile: (id, path) =>
      Stream.unwrap(
        on("downloadFile", [id, path], () => Effect.succeed(Stream.make(bytesOf("h\u00e9"), bytesOf("llo"))))
      ),
    checkImageFile: (id, path) => on("checkImageFile", [id, path], () => Effect.succeed(path === "/file")),
    archive: (id, path) => Stream.unwrap(on("archive", [id, path], () => Effect.succeed(Stream.make(bytesOf("tar"))))),
    checkArchive: (id, path) => on("checkArchive", [id, path], () => Effect.succeed(path === "/folder")),
    grep: (id, query) =>
      on(
        "grep",
        [id, query],
        () => Effect.succeed({ path: "/", patterns: [...query.pattern], matches: [], truncated: false })
      )
  }

  const fake: Fake = {
    api,
    config: {
      token: Redacted.make("token-of-the-tests"),
      project: Option.none(),
      baseUrl: "http://service.test",
      userAgent: Option.none(),
      concurrency: { runs: 50, imports: 8, uploads: 4 },
      retry: Schedule.stop,
      requestTimeout: Duration.minutes(5),
      idleTimeout: Duration.minutes(1),
      transformClient: Option.none(),
      ...options
    },
    calls,
    operations: [],
    tags: new Map(),
    files: new Map(),
    onSpawn: (operation) =>
      void (operation.request.disposable === false ? operation.exit(0, imageId(images++)) : operation.exit(0)),
    onImport: (operation, request) => {
      const id = imageId(images++)
      if (typeof request.tag === "string") fake.tags.set(request.tag, id)
      operation.end("SUCCESS", { image: id })
    },
    onExec: (process) => void process.exit({ code: 0 }),
    before,
    failures,
    named: (method) => calls.filter((call) => call.method === method),
    awaitCalls: (method, count = 1) =>
      bell.until(() =>
        calls.filter((call) => call.method === method).length >= count ? Option.some(undefined) : Option.none()
      )
  }
  return fake
}

/** the services over a fake */
export const withFake = (fake: Fake) => {
  const deps = Layer.merge(Layer.succeed(ContreeApi, fake.api), Layer.succeed(ContreeConfig, fake.config))
  return Layer.mergeAll(
    Layer.effect(Images.Images, Images.make),
    Layer.effect(Operations.Operations, Operations.make),
    Layer.effect(Files.Files, Files.make)
  ).pipe(Layer.provide(deps))
}

/** an image of the fake's service */
export const imageOf = (fake: Fake) =>
  Effect.flatMap(Images.Images, (images) => images.use(imageId(1))).pipe(Effect.provide(withFake(fake)))
