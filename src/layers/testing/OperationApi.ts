/**
 * The double's answers about runs and other operations. Protocol: sections 2.3, 2.4 and 2.6.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Errors from "../../schemas/Errors.js"
import type * as Ids from "../../schemas/Ids.js"
import type * as Wire from "../../schemas/Wire.js"
import type { Service } from "../../services/ContreeApi.js"
import { badRequest, conflict, notFound } from "./Answers.js"
import * as Moment from "./Moment.js"
import * as Runs from "./Runs.js"
import { Sandbox } from "./Sandbox.js"
import type { Task } from "./Task.js"
import type { Import, World } from "./World.js"

type Methods =
  | "whoami"
  | "spawnInstance"
  | "listOperations"
  | "getOperation"
  | "cancelOperation"
  | "operationEvents"
  | "createSubprocess"
  | "getSubprocess"
  | "killSubprocess"
  | "writeSubprocessStdin"

/** as `kill -l` has them, the usual ones */
const signals: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ABRT: 6,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15
}

/** what a command survives unless it says otherwise */
const harmless: ReadonlySet<string> = new Set(["CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "WINCH"])

const permissions = ["import", "spawn", "spawn_disposable", "list", "cancel", "set_image_tag"]

const tagOf = (entry: Sandbox | Import): string | null => entry instanceof Sandbox ? null : entry.request.tag ?? null

const toWire = (entry: Sandbox | Import, inflight: boolean): Wire.Operation => {
  const { operation } = entry
  const common = { ...operation.summary(), result: operation.result(tagOf(entry)) }
  if (!(entry instanceof Sandbox)) {
    return { ...common, kind: "image_import", metadata: { ...entry.request, registry: masked(entry.request.registry) } }
  }
  const result = operation.isOver || inflight ? entry.task(1)?.result() ?? null : null
  return { ...common, kind: "instance", metadata: { ...entry.request, result } }
}

const masked = (registry: Wire.ImageImportRequest["registry"]): Wire.ImageImportRequest["registry"] =>
  registry.credentials?.password === undefined
    ? registry
    : { ...registry, credentials: { ...registry.credentials, password: "<MASKED>" } }

/** @internal */
export const make = (current: () => World): Pick<Service, Methods> => {
  const find = (
    method: Methods,
    id: Ids.OperationId
  ): Effect.Effect<Sandbox | Import, Errors.NotFoundError> =>
    Effect.suspend(() => {
      const entry = current().operations.get(id.toLowerCase())
      return entry === undefined ? notFound(method, "Operation not found") : Effect.succeed(entry)
    })

  const running = (method: Methods, id: Ids.OperationId) =>
    Effect.flatMap(find(method, id), (entry) =>
      !(entry instanceof Sandbox) || entry.operation.isOver
        ? conflict(method, "the operation has ended, or is no run")
        : Effect.succeed(entry))

  const taskOf = (
    method: Methods,
    id: Ids.OperationId,
    spid: Ids.Spid
  ): Effect.Effect<{ readonly sandbox: Sandbox; readonly task: Task }, Errors.NotFoundError> =>
    Effect.flatMap(find(method, id), (entry) => {
      const task = entry instanceof Sandbox ? entry.task(spid) : undefined
      return task === undefined || !(entry instanceof Sandbox)
        ? notFound(method, `the operation has no process ${spid}`)
        : Effect.succeed({ sandbox: entry, task })
    })

  const runningOf = (kind: "instance" | "image_import"): number =>
    [...current().operations.values()].filter(({ operation }) => !operation.isOver && operation.kind === kind).length

  return {
    whoami: Effect.sync(() => ({
      token_uuid: "00000000-0000-4000-8000-000000000000",
      token_expiration: null,
      permissions: Object.fromEntries(permissions.map((name) => [name, true])),
      operations_stat: {
        running_instances: runningOf("instance"),
        running_imports: runningOf("image_import")
      },
      limits: { instance_max_timeout: 3600, instance_max_concurrency: 50, images_import_max_concurrency: 8 }
    })),

    spawnInstance: (request) => Effect.suspend(() => Runs.spawn(current())(request)),

    listOperations: (query) =>
      Effect.suspend(() => {
        const rows = [...current().operations.values()].filter(({ operation }) =>
          (query?.status === undefined || operation.status === query.status) &&
          (query?.kind === undefined || operation.kind === query.kind)
        )
        return Effect.map(
          Moment.page("listOperations", rows, query, ({ operation }) => operation.createdAt),
          (page) => page.map(({ operation }) => operation.summary())
        )
      }),

    getOperation: (id, options) =>
      Effect.map(find("getOperation", id), (entry) => toWire(entry, options?.inflight === true)),

    cancelOperation: (id) =>
      Effect.flatMap(find("cancelOperation", id), (entry) =>
        entry.operation.isOver
          ? conflict("cancelOperation", "operation is not cancellable")
          : entry.cancel),

    operationEvents: (id, query) =>
      Stream.unwrap(Effect.map(find("operationEvents", id), ({ operation }) => operation.log.connect(query))),

    createSubprocess: (id, request) =>
      Effect.flatMap(running("createSubprocess", id), (sandbox) => Runs.spawnBeside(current(), sandbox, request)),

    getSubprocess: (id, spid) => Effect.map(taskOf("getSubprocess", id, spid), ({ task }) => task.result()),

    killSubprocess: (id, spid, signal = "KILL") =>
      Effect.flatMap(
        taskOf("killSubprocess", id, spid),
        ({ sandbox, task }): Effect.Effect<void, Errors.CancelError> => {
          const name = signal.replace(/^SIG/, "")
          const number = signals[name]
          if (number === undefined && !harmless.has(name)) {
            return badRequest("killSubprocess", `no signal is called ${signal}`)
          }
          if (task.isOver) return conflict("killSubprocess", "the process has ended")
          return number === undefined ? Effect.void : sandbox.kill(task, { _tag: "Signaled", signal: number })
        }
      ),

    writeSubprocessStdin: (id, spid, { bytes, close }) =>
      Effect.gen(function*() {
        const { task } = yield* taskOf("writeSubprocessStdin", id, spid)
        if (task.input.isClosed) return yield* conflict("writeSubprocessStdin", "the process reads no more input")
        const own = new Uint8Array(bytes)
        task.given(yield* Clock.currentTimeMillis, own)
        task.input.write(own)
        if (close === true) task.input.close()
      })
  }
}
