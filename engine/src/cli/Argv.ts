/**
 * The words of a command line, put in order before they are read: what follows the first `--` is somebody else's, and
 * the rest has one form for each option. Why it cannot be understood is a sentence that never repeats a value, which may
 * be a secret.
 *
 * @since 0.1.0
 */
import * as AutoCorrect from "@effect/cli/AutoCorrect"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Either from "effect/Either"

/**
 * `flag`: present or not. `value`: at most once, with a value. `list`: any number of times, each with a value.
 *
 * @since 0.1.0
 * @category models
 */
export type Kind = "flag" | "value" | "list"

/**
 * At the first `--`, which belongs to neither part. `rest` is undefined where there is none.
 *
 * @since 0.1.0
 * @category parsing
 */
export const split = (argv: ReadonlyArray<string>): {
  readonly own: ReadonlyArray<string>
  readonly rest: ReadonlyArray<string> | undefined
} => {
  const at = argv.indexOf("--")
  return at === -1 ? { own: argv, rest: undefined } : { own: argv.slice(0, at), rest: argv.slice(at + 1) }
}

/** Only those that somebody may have meant. */
const nearest = (name: string, known: Iterable<string>): string => {
  const near = [...known].map((other) =>
    [
      AutoCorrect.levensteinDistance(name, other, CliConfig.defaultConfig),
      other
    ] as const
  ).filter(([distance]) => distance <= 2).sort(([a], [b]) => a - b)[0]
  return near === undefined ? "" : `; did you mean \`${near[1]}\`?`
}

interface Reading {
  readonly kinds: ReadonlyMap<string, Kind>
  readonly left: Array<string>
  readonly seen: Set<string>
}

const optionOf = (arg: string): { readonly name: string; readonly inline: string | undefined } => {
  const at = arg.startsWith("--") ? arg.indexOf("=") : -1
  return at === -1 ? { name: arg, inline: undefined } : { name: arg.slice(0, at), inline: arg.slice(at + 1) }
}

const isOption = (arg: string): boolean => arg.startsWith("-") && arg !== "-"

const valueOf = ({ kinds, left }: Reading, name: string, inline: string | undefined): Either.Either<string, string> => {
  const value = inline ?? left.shift()
  // another option stands where the value should: it was forgotten
  const forgotten = value === undefined || value === "" || (inline === undefined && kinds.has(optionOf(value).name))
  return forgotten ? Either.left(`needs something after \`${name}\``) : Either.right(value)
}

const readOption = (reading: Reading, arg: string): Either.Either<ReadonlyArray<string>, string> => {
  const { kinds, seen } = reading
  const { inline, name } = optionOf(arg)
  const kind = kinds.get(name)
  if (kind === undefined) return Either.left(`does not know the option \`${name}\`${nearest(name, kinds.keys())}`)
  if (kind === "flag") {
    if (inline !== undefined) return Either.left(`takes no value after \`${name}\``)
    const again = seen.has(name)
    seen.add(name)
    return Either.right(again ? [] : [name, "true"])
  }
  return Either.flatMap(valueOf(reading, name, inline), (value) => {
    // as JSON: what reads it next would trim the spaces of a repeated one
    if (kind === "list") return Either.right([name, JSON.stringify(value)])
    if (seen.has(name)) return Either.left(`was given \`${name}\` twice`)
    seen.add(name)
    return Either.right([name, value])
  })
}

/**
 * Every option as two words, `--name value`, a flag as `--name true` and the value of a list as JSON; then the operands.
 *
 * @since 0.1.0
 * @category parsing
 */
export const normalize = (
  argv: ReadonlyArray<string>,
  kinds: ReadonlyMap<string, Kind>
): Either.Either<{ readonly options: ReadonlyArray<string>; readonly operands: ReadonlyArray<string> }, string> => {
  const reading: Reading = { kinds, left: [...argv], seen: new Set() }
  const options: Array<string> = []
  const operands: Array<string> = []
  for (let arg = reading.left.shift(); arg !== undefined; arg = reading.left.shift()) {
    if (!isOption(arg)) {
      operands.push(arg)
      continue
    }
    const read = readOption(reading, arg)
    if (Either.isLeft(read)) return Either.left(read.left)
    options.push(...read.right)
  }
  return Either.right({ options, operands })
}
