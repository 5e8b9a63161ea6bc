/**
 * What a command can be given, said once: `@effect/cli` reads it, and the help is written from it.
 *
 * @since 0.1.0
 */
import * as CliArgs from "@effect/cli/Args"
import * as CliConfig from "@effect/cli/CliConfig"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import type { ValidationError } from "@effect/cli/ValidationError"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Terminal from "@effect/platform/Terminal"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Argv from "./Argv.js"

/**
 * An option: how it is written, what it means, and how it is read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Given<A> {
  readonly kind: Argv.Kind
  /** with its hyphens */
  readonly name: string
  /** what stands for its value in the help; empty for a flag */
  readonly value: string
  readonly help: string
  readonly options: Options.Options<A>
}

/**
 * @since 0.1.0
 * @category options
 */
export const flag = (name: string, help: string): Given<boolean> => ({
  kind: "flag",
  name: `--${name}`,
  value: "",
  help,
  options: Options.boolean(name)
})

/** `read` gives undefined for what it does not take. */
const value = <A>(
  name: string,
  placeholder: string,
  help: string,
  read: (text: string) => A | undefined,
  wanted: string
): Given<A | undefined> => ({
  kind: "value",
  name: `--${name}`,
  value: placeholder,
  help,
  options: Options.text(name).pipe(
    Options.mapTryCatch((text) => {
      const found = read(text)
      if (found === undefined) throw new Error(wanted)
      return found
    }, () => HelpDoc.p(`needs ${wanted} after \`--${name}\``)),
    Options.optional,
    Options.map(Option.getOrUndefined)
  )
})

/**
 * Any text; `valid` may ask for more, in the words of `wanted`.
 *
 * @since 0.1.0
 * @category options
 */
export const text = (
  name: string,
  placeholder: string,
  help: string,
  valid: (text: string) => boolean = () => true,
  wanted: string = "some text"
): Given<string | undefined> => value(name, placeholder, help, (text) => valid(text) ? text : undefined, wanted)

/**
 * A whole number within bounds.
 *
 * @since 0.1.0
 * @category options
 */
export const whole = (
  name: string,
  placeholder: string,
  help: string,
  { max, min }: { readonly min: number; readonly max: number }
): Given<number | undefined> =>
  value(name, placeholder, help, (text) => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : -1
    return number >= min && number <= max ? number : undefined
  }, `a number from ${min} to ${max}`)

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 }

/**
 * A span of time as the wire has it, in seconds: `30s`, `15m`, `2h`, `3d`, `1w`.
 *
 * @since 0.1.0
 * @category options
 */
export const span = (name: string, help: string): Given<number | undefined> =>
  value(name, "SPAN", help, (text) => {
    const [, digits = "", unit = ""] = /^(\d{1,6})([smhdw])$/.exec(text) ?? []
    const seconds = unitSeconds[unit]
    return seconds === undefined ? undefined : Number(digits) * seconds
  }, "a span such as 30s, 15m, 2h, 3d or 1w")

/**
 * One of a few words.
 *
 * @since 0.1.0
 * @category options
 */
export const choice = <A extends string>(name: string, words: ReadonlyArray<A>, help: string): Given<A | undefined> =>
  value(name, words.join("|"), help, (text) => words.find((word) => word === text), words.join(" or "))

/**
 * May be given again and again.
 *
 * @since 0.1.0
 * @category options
 */
export const list = (name: string, placeholder: string, help: string): Given<ReadonlyArray<string>> => ({
  kind: "list",
  name: `--${name}`,
  value: placeholder,
  help,
  options: Options.text(name).pipe(
    Options.repeated,
    Options.map((values) => values.map((json) => String(JSON.parse(json))))
  )
})

/**
 * Options by the names that a command's code has for them.
 *
 * @since 0.1.0
 * @category models
 */
export type Shape = Readonly<Record<string, Given<unknown>>>

/**
 * A command: what it is called, what it does, and what it can be given.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spec<O extends Shape> {
  readonly name: string
  /** a few words, for the list of all commands */
  readonly summary: string
  /** paragraphs for its own help, before the options */
  readonly about: ReadonlyArray<string>
  readonly options: O
  /** the one thing that it needs besides, if any */
  readonly operand?: { readonly name: string; readonly help: string }
  /** what it takes after `--`, if anything */
  readonly rest?: { readonly name: string; readonly example: string }
  /** exit codes of its own */
  readonly exit?: ReadonlyArray<readonly [code: string, meaning: string]>
}

/**
 * What a command was given. `operand` is empty for a command that takes none, `rest` likewise.
 *
 * @since 0.1.0
 * @category models
 */
export interface Parsed<O extends Shape> {
  readonly options: { readonly [K in keyof O]: O[K] extends Given<infer A> ? A : never }
  readonly operand: string
  readonly rest: ReadonlyArray<string>
}

const config = CliConfig.make({ isCaseSensitive: true, autoCorrectLimit: 0 })

// no option or operand of ours asks for any of these
const unused = Layer.mergeAll(
  FileSystem.layerNoop({}),
  Path.layer,
  Layer.succeed(Terminal.Terminal, {
    columns: Effect.succeed(80),
    rows: Effect.succeed(24),
    isTTY: Effect.succeed(false),
    readInput: Effect.never,
    readLine: Effect.never,
    display: () => Effect.void
  })
)

const sentence = ({ error }: ValidationError): string => {
  const span = HelpDoc.getSpan(error)
  return span._tag === "Text" && span.value !== "" ? span.value : "was given something that it does not understand"
}

const restOf = <O extends Shape>(
  spec: Spec<O>,
  rest: ReadonlyArray<string> | undefined
): Effect.Effect<ReadonlyArray<string>, string> => {
  if (spec.rest === undefined) {
    return rest === undefined ? Effect.succeed([]) : Effect.fail("takes nothing after `--`")
  }
  return rest === undefined || rest.length === 0
    ? Effect.fail(`needs ${spec.rest.name} after \`--\`, as in \`contree-local ${spec.rest.example}\``)
    : Effect.succeed(rest)
}

/** what is somebody else's is most often taken for an option of ours */
const apart = ({ example, name }: { readonly name: string; readonly example: string }): string =>
  `${name} comes after \`--\`, as in \`contree-local ${example}\``

const operandOf = <O extends Shape>(
  spec: Spec<O>,
  operands: ReadonlyArray<string>
): Effect.Effect<string, string, FileSystem.FileSystem | Path.Path | Terminal.Terminal> => {
  const { operand, rest } = spec
  if (operand === undefined) {
    return operands.length === 0 ? Effect.succeed("") : Effect.fail("was given an argument that is no option")
  }
  if (operands.length > 1) {
    const hint = rest === undefined ? "" : `: ${apart(rest)}`
    return Effect.fail(`takes one ${operand.name}${hint}`)
  }
  const missing = `needs ${/^[AEIO]/.test(operand.name) ? "an" : "a"} ${operand.name}`
  return CliArgs.validate(CliArgs.text({ name: operand.name }), operands, config).pipe(
    Effect.map(([, text]) => text),
    Effect.mapError(() => missing),
    Effect.filterOrFail((text) => text !== "", () => missing)
  )
}

/**
 * Reads the words after the command's name. Fails with a sentence about the command, without its subject.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parse = <O extends Shape>(spec: Spec<O>, argv: ReadonlyArray<string>): Effect.Effect<Parsed<O>, string> =>
  Effect.gen(function*() {
    const { own, rest } = Argv.split(argv)
    const given = Object.values(spec.options)
    const { operands, options } = yield* Either.mapLeft(
      Argv.normalize(own, new Map(given.map(({ kind, name }) => [name, kind]))),
      (why) => spec.rest !== undefined && rest === undefined ? `${why}; ${apart(spec.rest)}` : why
    )
    const all = Options.all(
      Object.fromEntries(Object.entries(spec.options).map(([key, { options }]) => [key, options]))
    )
    const [, , values] = yield* Effect.mapError(Options.processCommandLine(all, options, config), sentence)
    return {
      options: values as Parsed<O>["options"],
      operand: yield* operandOf(spec, operands),
      rest: yield* restOf(spec, rest)
    }
  }).pipe(Effect.provide(unused))
