/**
 * Spawning: of a run, and of a process beside it.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Command from "../../schemas/Command.js"
import type * as Errors from "../../schemas/Errors.js"
import * as Ids from "../../schemas/Ids.js"
import * as StreamRepr from "../../schemas/StreamRepr.js"
import type * as Wire from "../../schemas/Wire.js"
import type { CreateError, Service } from "../../services/ContreeApi.js"
import { badRequest, notFound, unprocessable } from "./Answers.js"
import { begin } from "./Begun.js"
import type { Begun } from "./Begun.js"
import type { Row } from "./ImageTable.js"
import { Input } from "./Input.js"
import { Operation } from "./Operation.js"
import { mergeEnv, Sandbox } from "./Sandbox.js"
import type { Call, Run } from "./Script.js"
import { Task } from "./Task.js"
import * as Tree from "./Tree.js"
import { find, unscripted } from "./Unscripted.js"
import type { Upload, World } from "./World.js"

type Method = "spawnInstance" | "createSubprocess"

/** the most a service gives, and what a run has that asks for nothing */
const maxTimeoutSeconds = 3600

const isUuid = (text: string): boolean => /^[0-9a-f-]{36}$/i.test(text)

const commandOf = (request: Wire.ExecSpec): Command.Command => {
  const args = request.args ?? []
  if (request.shell !== true) return Command.exec(request.command, args)
  return args.length === 0 ? Command.shell(request.command) : Command.exec("sh", ["-c", request.command, ...args])
}

const inputOf = (
  method: Method,
  stdin: Wire.ExecSpec["stdin"]
): Effect.Effect<Input, Errors.BadRequestError> =>
  Effect.suspend(() => {
    const bytes = StreamRepr.toBytes(stdin ?? { value: "" })
    if (bytes === undefined) return badRequest(method, "stdin.value is not valid base64")
    const input = new Input()
    input.write(bytes)
    if (stdin?.close !== false) input.close()
    return Effect.succeed(input)
  })

/** these answer the request; any other ends what it asked for */
const refusals: ReadonlySet<string> = new Set<CreateError["_tag"]>([
  "BadRequestError",
  "UnauthorizedError",
  "ForbiddenError",
  "NotFoundError",
  "UnprocessableError",
  "TooEarlyError",
  "RateLimitedError",
  "ServerError",
  "UnexpectedStatusError",
  "TransportError",
  "DecodeError"
])

const isRefusal = (error: Errors.ContreeError): error is CreateError => refusals.has(error._tag)

/** an error that answers the request, or a defect; all else is a process, even if it is over already */
const isRefused = (exit: Exit.Exit<unknown, Errors.ContreeError>): boolean =>
  Exit.isFailure(exit) && Option.match(Cause.failureOption(exit.cause), {
    onNone: () => !Cause.isInterruptedOnly(exit.cause),
    onSome: isRefusal
  })

/** What the script says to a request: a refusal, a mistake of its own, or a process. */
const ask = (
  world: World,
  run: Run,
  image: string
): Effect.Effect<Begun, CreateError> =>
  Effect.gen(function*() {
    const one = find(world.script.runs, run.command)
    if (one === undefined) {
      world.unscripted.push(run.command)
      return yield* Effect.die(unscripted(world.script.runs, run.command, image))
    }
    const begun = yield* begin(one.reply, run)
    if (Option.isNone(begun.atOnce) || !isRefused(begun.atOnce.value)) return begun
    const { input: _, ...rest } = run
    const call: Call = { ...rest, outcome: { _tag: "Unknown" } }
    const refused = Effect.sync(() => void world.calls.push({ toCall: () => [call] }))
    return yield* begun.answer.pipe(
      Effect.as(begun),
      Effect.catchIf((error) => !isRefusal(error), () => Effect.succeed(begun)),
      Effect.tapErrorCause(() => refused)
    )
  })

const imageOf = (world: World, image: string): Effect.Effect<Row, Errors.BadRequestError | Errors.NotFoundError> => {
  const isTag = image.startsWith("tag:")
  if (!isTag && !isUuid(image)) return badRequest("spawnInstance", "image must be an image id, or tag:NAME")
  const row = isTag ? world.images.byTag(image.slice(4)) : world.images.get(image)
  return row === undefined ? notFound("spawnInstance", `image not found: ${image}`) : Effect.succeed(row)
}

interface Placed {
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly tree: Tree.Tree
}

const placeFiles = (
  world: World,
  row: Row,
  files: Wire.InstanceSpawnRequest["files"],
  now: number
): Effect.Effect<Placed, Errors.NotFoundError | Errors.UnprocessableError> =>
  Effect.gen(function*() {
    const byId = new Map([...world.uploads.values()].map((upload): [string, Upload] => [upload.id, upload]))
    const changes = yield* Effect.forEach(Object.entries(files ?? {}), ([path, spec]) => {
      const upload = byId.get(spec.uuid.toLowerCase())
      return upload === undefined
        ? notFound("spawnInstance", `file not found: ${spec.uuid} (for ${path}); upload it first`)
        : Effect.succeed({
          path,
          content: upload.bytes,
          mode: spec.mode ?? 0o644,
          uid: spec.uid ?? 0,
          gid: spec.gid ?? 0
        })
    })
    const tree = Tree.change(row.tree, changes, Math.floor(now / 1000))
    if (Either.isLeft(tree)) return yield* unprocessable("spawnInstance", `files: ${tree.left}`)
    return { files: new Map(changes.map(({ content, path }) => [Tree.normal(path), content])), tree: tree.right }
  })

const timeoutOf = (seconds: number | null | undefined): Effect.Effect<Duration.Duration, Errors.BadRequestError> => {
  const timeout = seconds ?? maxTimeoutSeconds
  return timeout >= 1 && timeout <= maxTimeoutSeconds
    ? Effect.succeed(Duration.seconds(timeout))
    : badRequest("spawnInstance", `timeout must be between 1 and ${maxTimeoutSeconds}`)
}

/** @internal */
export const spawn = (world: World): Service["spawnInstance"] => (request) =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const row = yield* imageOf(world, request.image)
    const { files, tree } = yield* placeFiles(world, row, request.files, now)
    const timeout = yield* timeoutOf(request.timeout)
    const input = yield* inputOf("spawnInstance", request.stdin)
    const operation = new Operation(world.serial.operation(), "instance", row.id, now)
    const run: Run = {
      command: commandOf(request),
      image: row.id,
      tag: request.image.startsWith("tag:") ? request.image.slice(4) : undefined,
      stdin: input.bytes(),
      input: input.stream,
      env: mergeEnv(row.env, request.env),
      files,
      tree: Tree.files(tree),
      cwd: request.cwd ?? undefined,
      disposable: request.disposable ?? false,
      operationId: operation.id,
      spid: Ids.Spid.make(1),
      request
    }
    const begun = yield* ask(world, run, request.image)
    const sandbox = new Sandbox(operation, request, row, tree, world.images, world.scope)
    const task = new Task(operation, run, input, now, timeout)
    world.operations.set(operation.id, sandbox)
    world.calls.push(task)
    yield* sandbox.start(task, begun)
    return operation.id
  })

/** @internal */
export const spawnBeside = (
  world: World,
  sandbox: Sandbox,
  request: Wire.ExecSpec
): Effect.Effect<Ids.Spid, CreateError> =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const main = sandbox.task(1)?.run
    const input = yield* inputOf("createSubprocess", request.stdin)
    const run: Run = {
      command: commandOf(request),
      image: sandbox.parent.id,
      tag: main?.tag,
      stdin: input.bytes(),
      input: input.stream,
      env: mergeEnv(sandbox.parent.env, request.env),
      files: main?.files ?? new Map(),
      tree: Tree.files(sandbox.tree),
      cwd: request.cwd ?? undefined,
      disposable: main?.disposable ?? true,
      operationId: sandbox.operation.id,
      spid: sandbox.nextSpid(),
      request
    }
    const begun = yield* ask(world, run, sandbox.request.image)
    const task = new Task(sandbox.operation, run, input, now, undefined)
    world.calls.push(task)
    yield* sandbox.start(task, begun)
    return run.spid
  })
