/**
 * From what a program says to what is sent: every option is checked here, before anything is.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as StdinWire from "../internal/StdinWire.js"
import * as Command from "../schemas/Command.js"
import * as Errors from "../schemas/Errors.js"
import * as Ids from "../schemas/Ids.js"
import type * as Wire from "../schemas/Wire.js"
import * as File from "./File.js"
import type { Environment } from "./Image.js"
import type { ExecOptions } from "./Process.js"
import * as Stdin from "./Stdin.js"

/**
 * One file to put in place.
 *
 * @internal
 */
export interface Placed<F> {
  readonly destination: string
  readonly content: F
}

/**
 * @internal
 */
export interface Input<F extends File.Content> extends Environment {
  readonly files?: File.Files<F> | undefined
  readonly disposable?: boolean | undefined
  readonly tag?: string | undefined
  readonly waitTimeout?: Duration.DurationInput | undefined
}

/**
 * A run that can be asked for: all but its stdin and where its files are.
 *
 * @internal
 */
export interface Plan<F> {
  readonly request: Omit<Wire.InstanceSpawnRequest, "image">
  readonly files: ReadonlyArray<Placed<F>>
  readonly disposable: boolean
  readonly tag: Option.Option<Ids.Tag>
  readonly waitTimeout: Option.Option<Duration.Duration>
}

const maxOutput = 10 * 1024 * 1024
const maxId = 2 ** 32 - 2

type Checked<A> = Either.Either<A, Errors.InvalidArgumentError>

/** refuses, naming the argument and never showing a value that may be secret */
const refuse = (method: string, argument: string, description: string): Checked<never> =>
  Either.left(new Errors.InvalidArgumentError({ method, argument, description }))

const integer = (
  method: string,
  argument: string,
  value: number | undefined,
  min: number,
  max: number
): Checked<void> =>
  value === undefined || (Number.isInteger(value) && value >= min && value <= max)
    ? Either.void
    : refuse(method, argument, `expected a whole number from ${min} to ${max}, got ${value}`)

/**
 * A length of time that has an end and is not over at once.
 *
 * @internal
 */
export const duration = (
  method: string,
  argument: string,
  input: Duration.DurationInput | undefined
): Checked<Option.Option<Duration.Duration>> => {
  if (input === undefined) return Either.right(Option.none())
  const decoded = Duration.decodeUnknown(input)
  return Option.isSome(decoded) && Duration.isFinite(decoded.value) && Duration.greaterThan(decoded.value, 0)
    ? Either.right(decoded)
    : refuse(method, argument, "expected a positive, finite duration such as \"30 seconds\"")
}

const isTag = Schema.is(Ids.Tag)

/**
 * @internal
 */
export const tag = (method: string, value: string): Checked<Ids.Tag> =>
  isTag(value)
    ? Either.right(value)
    : refuse(method, "tag", `expected 1 to 256 of A-Z a-z 0-9 _ - . : /, got ${JSON.stringify(value.slice(0, 300))}`)

const environment = (method: string, env: Environment["env"]): Checked<Record<string, string | null>> => {
  const out: Record<string, string | null> = Object.create(null)
  for (const [name, value] of Object.entries(env ?? {})) {
    if (value === undefined) continue
    if (name === "" || /[=\0]/.test(name)) {
      return refuse(
        method,
        "env",
        `the name ${JSON.stringify(name)} cannot be used: it is empty, or has = or NUL in it`
      )
    }
    const text = Redacted.isRedacted(value) ? Redacted.value(value) : value
    if (text?.includes("\0")) return refuse(method, `env.${name}`, "the value has a NUL character")
    out[name] = text
  }
  return Either.right(out)
}

/**
 * An absolute path without NUL.
 *
 * @internal
 */
export const absolute = (method: string, argument: string, path: string): Checked<string> =>
  !path.startsWith("/")
    ? refuse(method, argument, `expected an absolute path, got ${JSON.stringify(path)}`)
    : path.includes("\0")
    ? refuse(method, argument, "the path has a NUL character")
    : Either.right(path)

const destination = (method: string, path: string): Checked<string> => {
  const argument = `files[${JSON.stringify(path)}]`
  return Either.flatMap(absolute(method, argument, path), () => {
    const parts = path.split("/").filter((part) => part !== "" && part !== ".")
    if (parts.includes("..")) return refuse(method, argument, "a destination cannot go up with \"..\"")
    if (parts.length === 0 || /\/\.?$/.test(path)) {
      return refuse(method, argument, "expected a file's path, not a folder's")
    }
    return Either.right(`/${parts.join("/")}`)
  })
}

const listed = (method: string, file: { readonly name?: string }, index: number): Checked<string> => {
  const name = file.name
  return name === undefined || name === "" || name === "." || name === ".." || /[/\0]/.test(name)
    ? refuse(
      method,
      `files[${index}]`,
      "a file in a list needs a name without slashes: File.path has one, or File.named"
    )
    : Either.right(`/${name}`)
}

const attributes = (method: string, path: string, content: File.Content): Checked<void> =>
  !File.isFile(content) ? Either.void : Either.all([
    integer(method, `files[${JSON.stringify(path)}].uid`, content.uid, 0, maxId),
    integer(method, `files[${JSON.stringify(path)}].gid`, content.gid, 0, maxId),
    integer(method, `files[${JSON.stringify(path)}].mode`, content.mode, 0, 0o7777)
  ]).pipe(Either.map(() => undefined))

/** Where each file goes. Two for one place are refused, whatever way it is written. */
const placements = <F extends File.Content>(
  method: string,
  files: File.Files<F> | undefined
): Checked<ReadonlyArray<Placed<F>>> =>
  Either.gen(function*() {
    if (files === undefined) return []
    const out = new Map<string, Placed<F>>()
    const entries: Array<readonly [Checked<string>, F]> = isList(files)
      ? files.map((file, index) => [listed(method, file, index), file])
      : Object.entries(files).map(([path, content]) => [destination(method, path), content])
    for (const [checked, content] of entries) {
      const path = yield* checked
      yield* attributes(method, path, content)
      if (out.has(path)) return yield* refuse(method, "files", `two files for ${path}`)
      out.set(path, { destination: path, content })
    }
    return [...out.values()]
  })

const isList = <F extends File.Content>(
  files: File.Files<F>
): files is ReadonlyArray<F & File.Named<File.Error<F>, File.Context<F>>> => Array.isArray(files)

const command = (
  method: string,
  self: Command.Command
): Checked<Pick<Wire.InstanceSpawnRequest, "command" | "args" | "shell">> => {
  const problem = Command.problem(self)
  if (problem !== undefined) return refuse(method, "command", problem)
  return Either.right(
    self._tag === "Shell"
      ? { command: self.script, shell: true }
      : { command: self.path, ...(self.args.length === 0 ? {} : { args: self.args }) }
  )
}

/** the property, or nothing at all */
const some = <K extends string, V>(key: K, value: V | undefined): { readonly [_ in K]?: V } =>
  // a computed key widens to string, which a type-level K cannot be told
  value === undefined ? {} : { [key]: value } as { readonly [_ in K]: V }

const hostname = (method: string, value: string | undefined): Checked<void> =>
  value === undefined || /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/.test(value)
    ? Either.void
    : refuse(method, "hostname", "expected 1 to 64 of A-Z a-z 0-9 . -, with a letter or digit at both ends")

/** what every command has, the main one and those beside it */
const common = (
  method: string,
  self: Command.Command,
  options: Pick<Environment, "env" | "cwd" | "uid" | "gid" | "truncateOutputAt">
): Checked<Omit<Wire.ExecSpec, "stdin">> =>
  Either.gen(function*() {
    const what = yield* command(method, self)
    const env = yield* environment(method, options.env)
    if (options.cwd !== undefined && options.cwd !== "") yield* absolute(method, "cwd", options.cwd)
    yield* integer(method, "uid", options.uid, 0, maxId)
    yield* integer(method, "gid", options.gid, 0, maxId)
    yield* integer(method, "truncateOutputAt", options.truncateOutputAt, 1, maxOutput)
    return {
      ...what,
      ...some("env", Object.keys(env).length === 0 ? undefined : env),
      ...some("cwd", options.cwd === "" ? undefined : options.cwd),
      ...some("uid", options.uid),
      ...some("gid", options.gid),
      ...some("truncate_output_at", options.truncateOutputAt)
    }
  })

/**
 * Checks everything, and says what to ask for.
 *
 * @internal
 */
export const plan = <F extends File.Content>(
  method: string,
  self: Command.Command,
  options: Input<F>
): Checked<Plan<F>> =>
  Either.gen(function*() {
    const what = yield* common(method, self, options)
    yield* hostname(method, options.hostname)
    yield* integer(method, "maxLayerBytes", options.maxLayerBytes, 1, Number.MAX_SAFE_INTEGER)
    const timeout = yield* duration(method, "timeout", options.timeout)
    const waitTimeout = yield* duration(method, "waitTimeout", options.waitTimeout)
    const disposable = options.disposable ?? true
    if (options.tag !== undefined && disposable) {
      return yield* refuse(method, "tag", "a disposable run leaves no image to tag: add { disposable: false }")
    }
    const name = options.tag === undefined ? Option.none() : Option.some(yield* tag(method, options.tag))
    const files = yield* placements(method, options.files)
    const request = {
      ...what,
      disposable,
      ...some("hostname", options.hostname),
      ...some("timeout", Option.getOrUndefined(Option.map(timeout, (d) => Math.ceil(Duration.toSeconds(d))))),
      ...some("preserve_env", options.preserveEnv),
      ...some("networking", options.networking === undefined ? undefined : { enabled: options.networking }),
      ...some(
        "resources_limits",
        options.maxLayerBytes === undefined ? undefined : { max_layer_bytes: options.maxLayerBytes }
      )
    }
    return { request, files, disposable, tag: name, waitTimeout }
  })

/**
 * Checks all of what a process beside the main command is asked for with.
 *
 * @internal
 */
export const execSpec = (
  method: string,
  self: Command.Command,
  options: ExecOptions
): Checked<Wire.ExecSpec> =>
  Either.gen(function*() {
    const what = yield* common(method, self, options)
    const stdin = options.stdin ?? ""
    if (stdin === "pipe") return { ...what, ...StdinWire.open }
    const bytes = yield* Stdin.given(method, stdin)
    return { ...what, stdin: StdinWire.closed(bytes) }
  })
