import { Chunk, Duration, Effect, Layer, Option, Redacted, Schedule, Stream } from "effect"
import { Errors, Ids, StreamRepr } from "effect-contree"
import type { Wire } from "effect-contree"
import { createHash } from "node:crypto"
import { ContreeApi } from "../../src/services/ContreeApi.js"
import type { Service } from "../../src/services/ContreeApi.js"
import { ContreeConfig } from "../../src/services/ContreeConfig.js"
import type { Service as Config } from "../../src/services/ContreeConfig.js"
import * as Images from "../../src/services/Images.js"
import * as Operations from "../../src/services/Operations.js"
import * as Files from "../../src/services/Files.js"
import {
  bytesOf,
  type Connection,
  FakeOperation,
  FakeSubprocess,
  fileId,
  imageId,
  makeBell,
  ts,
  uuid
} from "./fakeOperation.js"

export { type Connection, type FakeOperation, type FakeSubprocess, fileId, imageId, uuid }

/**
 * A service in memory, one method a request: operations with logs that a test writes, connections that a test breaks,
 * and every request on record. Nothing in it waits for time: all waiting is for events.
 */
export interface Call {
  readonly method: string
  readonly args: ReadonlyArray<unknown>
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
