/**
 * The value behind `Image.popen`: a process with the words of Python's `subprocess`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Command from "../schemas/Command.js"
import * as Errors from "../schemas/Errors.js"
import * as ExitStatus from "../schemas/ExitStatus.js"
import type { CheckError, DisposedImage, StartOptions } from "./Image.js"
import * as Output from "./Output.js"
import type { Popen, PopenOptions, PopenOutput, Process, Text } from "./Process.js"
import * as RunOutcome from "./RunOutcome.js"

type Start = (
  command: Command.Command,
  options: StartOptions<true>
) => Effect.Effect<Process<DisposedImage>, Errors.SpawnError, Scope>

/**
 * What a program may say where its types could not follow.
 *
 * @internal
 */
export type Options<T extends boolean, C extends boolean, EO, RO, EE, RE> =
  & PopenOptions<T, C, EO, RO, EE, RE>
  & { readonly shell?: boolean | undefined }

const method = "Image.popen"
const utf8 = new TextEncoder()

const refuse = (argument: string, description: string): Either.Either<never, Errors.InvalidArgumentError> =>
  Either.left(new Errors.InvalidArgumentError({ method, argument, description }))

/** What types say to most, told to the others before anything is sent. */
const commandOf = (
  args: string | ReadonlyArray<string>,
  shell: boolean | undefined
): Either.Either<Command.Command, Errors.InvalidArgumentError> => {
  if (typeof args === "string") {
    return shell === true
      ? Either.right(Command.shell(args))
      : refuse("args", "a text is a script for the shell: add { shell: true }, or give a program and its arguments")
  }
  if (shell === true) return refuse("args", "with { shell: true } it is one text, and no list: no shell reads a list")
  const [program, ...rest] = args
  return program === undefined
    ? refuse("args", "expected a program and its arguments, got an empty list")
    : Either.right(Command.exec(program, rest))
}

// --------------------------------------------------------------------------------------------------- text and bytes

const decoded = <E>(self: Stream.Stream<Uint8Array, E>): Stream.Stream<string, E> =>
  // the state is of one run of the stream: a stream can be run twice
  Stream.suspend(() => {
    const utf8 = new TextDecoder("utf-8", { ignoreBOM: true })
    return Stream.concat(
      Stream.map(self, (bytes) => utf8.decode(bytes, { stream: true })),
      Stream.sync(() => utf8.decode())
    ).pipe(Stream.filter((text) => text !== ""))
  })

interface Form<T extends boolean> {
  readonly stream: <E>(self: Stream.Stream<Uint8Array, E>) => Stream.Stream<Text<T>, E>
  readonly whole: (captured: Output.Captured) => Text<T>
}

/** `text` decides what the streams are of, which a type knows and a value does not */
const formOf = <T extends boolean>(text: T | undefined): Form<T> => {
  const asText: Form<true> = { stream: decoded, whole: ({ text }) => text }
  const asBytes: Form<false> = { stream: (self) => self, whole: ({ bytes }) => bytes }
  return (text === true ? asText : asBytes) as Form<T>
}

/** as `formOf`: `check` decides what is in the error channel */
const failing = <C extends boolean>(check: C | undefined) => {
  type Checker = (...args: Parameters<typeof RunOutcome.failUnlessZero>) => Effect.Effect<void, CheckError<C>>
  return check === true ? RunOutcome.failUnlessZero as Checker : undefined
}

// ------------------------------------------------------------------------------------------------------------- value

const isPiped = (output: PopenOutput<unknown, unknown> | undefined): boolean =>
  output === undefined || output === "pipe"

/** Reads on from the beginning whoever waits, as what writes into a file does. */
const intoSink = <E, R>(
  self: Stream.Stream<Uint8Array, Errors.OutputError>,
  output: PopenOutput<E, R> | undefined
): Effect.Effect<Effect.Effect<void, Errors.OutputError | E>, never, Scope | R> =>
  output === undefined || output === "pipe" || output === "ignore"
    ? Effect.succeed(Effect.void)
    : Effect.map(Effect.forkScoped(Stream.run(self, output)), (fiber) => Effect.asVoid(Fiber.join(fiber)))

/** what of the output `communicate` gives; what nobody asked for may be cut */
const wantedOf = (
  process: Process,
  wanted: { readonly stdout: boolean; readonly stderr: boolean }
): Stream.Stream<readonly [Output.Output["_tag"], Uint8Array], Errors.OutputError> => {
  if (wanted.stdout && wanted.stderr) return Stream.map(process.output, (out) => [out._tag, out.bytes] as const)
  if (wanted.stdout) return Stream.map(process.stdout, (bytes) => ["Stdout", bytes] as const)
  if (wanted.stderr) return Stream.map(process.stderr, (bytes) => ["Stderr", bytes] as const)
  return Stream.empty
}

/** who has ended does not read: what it wrote is its answer all the same */
const unlessEnded = (self: Effect.Effect<void, Errors.WriteError>): Effect.Effect<void, Errors.WriteError> =>
  Effect.catchIf(
    self,
    (error) => (error._tag === "ConflictError" || error._tag === "NotFoundError") && error.status !== undefined,
    () => Effect.void
  )

const handle = <T extends boolean, C extends boolean, E>(
  process: Process<DisposedImage>,
  options: PopenOptions<T, C, unknown, unknown, unknown, unknown>,
  sinks: Effect.Effect<void, Errors.OutputError | E>
): Popen<T, CheckError<C> | E> => {
  const form = formOf(options.text)
  const check = failing(options.check)
  const piped = { stdout: isPiped(options.stdout), stderr: isPiped(options.stderr) }
  const view = (name: "stdout" | "stderr") => form.stream(piped[name] ? process[name] : Stream.empty)
  let code: number | undefined
  let isFed = false

  /** only a failure needs the last words, for which all is read once more */
  const checked = (exit: ExitStatus.ExitStatus): Effect.Effect<void, Errors.ProcessError | CheckError<C>> =>
    check === undefined || (exit._tag === "Exited" && exit.code === 0) ? Effect.void : Effect.flatMap(
      process.result,
      ({ operationId, stderr, stdout }) =>
        check("Popen.wait", operationId, exit, {
          stdoutTail: RunOutcome.lastOf(stdout),
          stderrTail: RunOutcome.lastOf(stderr)
        })
    )

  const wait = Effect.all([process.exit, sinks], { concurrency: "unbounded" }).pipe(
    Effect.tap(([exit]) =>
      Effect.sync(() => {
        code = ExitStatus.toExitCode(exit)
      })
    ),
    Effect.tap(([exit]) => checked(exit)),
    Effect.map(([exit]) => ExitStatus.toExitCode(exit))
  )

  const feed = (input: string | Uint8Array | undefined) =>
    Effect.suspend((): Effect.Effect<void, Errors.WriteError | Errors.InvalidArgumentError> => {
      if (input !== undefined && (options.stdin !== "pipe" || isFed)) {
        return refuse(
          "input",
          isFed
            ? "stdin was ended when communicate was called before"
            : "stdin is not open: popen with { stdin: \"pipe\" }, or give the input there"
        )
      }
      if (options.stdin !== "pipe") return Effect.void
      // the first call may have been interrupted before it came to the end
      if (isFed) return unlessEnded(process.end)
      isFed = true
      return unlessEnded(Effect.zipRight(input === undefined ? Effect.void : process.write(input), process.end))
    })

  return {
    process,
    stdin: process.stdin,
    stdout: view("stdout"),
    stderr: view("stderr"),
    wait: Effect.withSpan(wait, "Contree.Popen.wait", { attributes: { "contree.operation": process.operationId } }),
    communicate: (input) =>
      Effect.suspend(() => {
        const pieces: Record<Output.Output["_tag"], Array<Uint8Array>> = { Stdout: [], Stderr: [] }
        const read = Stream.runForEach(wantedOf(process, piped), ([tag, bytes]) =>
          Effect.sync(() => {
            pieces[tag].push(bytes)
          }))
        // at once: a refusal comes before any waiting, and a process may write before it has read all
        return Effect.all([feed(input), read, wait], { concurrency: "unbounded", discard: true }).pipe(
          Effect.map(() => ({
            stdout: form.whole(Output.makeCaptured(pieces.Stdout, false)),
            stderr: form.whole(Output.makeCaptured(pieces.Stderr, false))
          }))
        )
      }).pipe(
        Effect.withSpan("Contree.Popen.communicate", { attributes: { "contree.operation": process.operationId } })
      ),
    returncode: Effect.sync(() => code)
  }
}

/**
 * Checks, starts, and reads into the sinks.
 *
 * @internal
 */
export const make = <T extends boolean, C extends boolean, EO, RO, EE, RE>(
  start: Start,
  args: string | ReadonlyArray<string>,
  options: Options<T, C, EO, RO, EE, RE>
): Effect.Effect<Popen<T, CheckError<C> | EO | EE>, Errors.SpawnError, Scope | RO | RE> =>
  Effect.gen(function*() {
    const command = yield* commandOf(args, options.shell)
    // types refuse it, JavaScript does not
    const both: { readonly stdin?: unknown; readonly input?: unknown } = options
    if (both.stdin !== undefined && both.input !== undefined) {
      return yield* refuse("input", "stdin and input exclude each other: give one of them")
    }
    const process = yield* start(command, {
      // as bytes: the text `pipe` is an input like any other
      stdin: options.stdin ?? (typeof options.input === "string" ? utf8.encode(options.input) : options.input ?? ""),
      env: options.env,
      cwd: options.cwd,
      timeout: options.timeout
    })
    const stdout = yield* intoSink(process.stdout, options.stdout)
    const stderr = yield* intoSink(process.stderr, options.stderr)
    const sinks = Effect.all([stdout, stderr], { concurrency: "unbounded", discard: true })
    return handle<T, C, EO | EE>(process, options, sinks)
  })
