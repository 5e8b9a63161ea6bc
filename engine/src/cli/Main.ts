/**
 * The command line from its words to an exit code.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { readFileSync } from "node:fs"
import { EngineError } from "../EngineError.js"
import * as Argv from "./Argv.js"
import * as Commands from "./Commands.js"
import * as Help from "./Help.js"
import * as Terminal from "./Terminal.js"
import * as Text from "./Text.js"

// beside the program, wherever it was installed
const manifestOf = (program: string): URL => new URL("../package.json", program)

const version = (program: string): Effect.Effect<string> =>
  Effect.sync(() => {
    const manifest: unknown = JSON.parse(readFileSync(manifestOf(program), "utf8"))
    return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : ""
  })

const misunderstood = (what: string, usage: string): Effect.Effect<number> =>
  Effect.as(Terminal.err(`contree-local: ${Text.oneLine(what)}\nUsage: ${usage}; --help says more\n`), 2)

const noCommand = (what: string): Effect.Effect<number> => misunderstood(what, "contree-local COMMAND [options]")

const helpOfAll = Effect.suspend(() =>
  Effect.as(
    Terminal.out(Help.ofAll(Commands.all.map(({ spec }) => spec), Terminal.look(process.stdout))),
    0
  )
)

const helpOf = ({ spec }: Commands.Command): Effect.Effect<number> =>
  Effect.suspend(() => Effect.as(Terminal.out(Help.ofCommand(spec, Terminal.look(process.stdout))), 0))

const textOf = (failure: { readonly message: string }): string =>
  // its reason is a name for programs
  failure instanceof EngineError ? failure.description : failure.message

/** In a line or two: whoever typed the command has no use for where in the program it was noticed. */
const tellCause = (cause: Cause.Cause<{ readonly message: string }>): Effect.Effect<number> => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  const defect = failure === undefined ? Cause.squash(cause) : undefined
  const text = (failure === undefined ? undefined : textOf(failure)) ??
    `this is a defect of contree-local: ${defect instanceof Error ? defect.message : String(defect)}`
  return Effect.as(Terminal.say(text.trim().split("\n").map(Text.oneLine).join("\n")), 1)
}

const asksForHelp = (argv: ReadonlyArray<string>): boolean =>
  Argv.split(argv).own.some((arg) => arg === "--help" || arg === "-h")

const perform = (command: Commands.Command, argv: ReadonlyArray<string>): Effect.Effect<number> => {
  if (asksForHelp(argv)) return helpOf(command)
  const { name } = command.spec
  return Effect.matchEffect(command.read(argv), {
    onFailure: (why) => misunderstood(`${name} ${why}`, Help.usage(command.spec)),
    onSuccess: Effect.catchAllCause(tellCause)
  })
}

const dispatch = (program: string, [name, ...argv]: ReadonlyArray<string>): Effect.Effect<number> => {
  if (name === undefined) return noCommand("say what to do")
  if (name === "--version" || name === "-v") {
    return Effect.flatMap(version(program), (text) => Effect.as(Terminal.out(`${text}\n`), 0))
  }
  const find = (wanted: string): Commands.Command | undefined => Commands.all.find(({ spec }) => spec.name === wanted)
  const command = find(name)
  if (command !== undefined) return perform(command, argv)
  if (name === "--help" || name === "-h" || name === "help") {
    const about = argv[0] === undefined ? undefined : find(argv[0])
    return about === undefined ? helpOfAll : helpOf(about)
  }
  return noCommand(`there is no ${name.startsWith("-") ? "option" : "command"} \`${name.split("=")[0]}\``)
}

// stdout is for what was asked for
const onStderr = Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.stringLogger))

/**
 * Does what the words say; the exit code. `program` is the address of the program's own file.
 *
 * @since 0.1.0
 * @category constructors
 */
export const main = (program: string, argv: ReadonlyArray<string>): Effect.Effect<number> =>
  Effect.suspend(() => {
    // one that nobody listens to would end the program: a reader that went away is noticed where it matters
    for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined)
    return dispatch(program, argv)
  }).pipe(Effect.provide(onStderr))
