/**
 * What `--help` prints.
 *
 * @since 0.1.0
 */
import type { Shape, Spec } from "./Args.js"
import type { Look } from "./Terminal.js"
import * as Text from "./Text.js"

const widest = 80
/** the columns of the terminal may be too few to put anything beside a name */
const narrowest = 40

const widthOf = (look: Pick<Look, "width">): number => Math.max(narrowest, Math.min(widest, look.width))

/**
 * The command line in one line.
 *
 * @since 0.1.0
 * @category rendering
 */
export const usage = <O extends Shape>({ name, operand, rest }: Spec<O>): string =>
  [
    `contree-local ${name} [options]`,
    ...(operand === undefined ? [] : [operand.name]),
    ...(rest === undefined ? [] : ["--", rest.name])
  ].join(" ")

/** Two columns, the second one broken where the line ends; long ones of the first have a line of their own. */
const list = (
  items: ReadonlyArray<readonly [string, string]>,
  { paint, width }: Pick<Look, "paint" | "width">
): ReadonlyArray<string> => {
  const column = Math.min(Math.floor(width / 3), Math.max(...items.map(([name]) => name.length)) + 4)
  return items.flatMap(([name, text]) => {
    const lines = Text.wrap(text, width - column)
    const first = paint("name", name) + " ".repeat(Math.max(2, column - 2 - name.length))
    const isLong = name.length + 4 > column
    const indent = " ".repeat(column)
    return isLong
      ? [`  ${paint("name", name)}`, ...lines.map((line) => indent + line)]
      : [`  ${first}${lines[0] ?? ""}`, ...lines.slice(1).map((line) => indent + line)]
  })
}

const codes: ReadonlyArray<readonly [string, string]> = [
  ["0", "all is well"],
  ["1", "it failed; stderr says why"],
  ["2", "the command line was not understood"]
]

const block = (title: string, lines: ReadonlyArray<string>, paint: Look["paint"]): ReadonlyArray<string> =>
  lines.length === 0 ? [] : ["", paint("strong", `${title}:`), ...lines]

/**
 * The page of one command. Ends with a newline.
 *
 * @since 0.1.0
 * @category rendering
 */
export const ofCommand = <O extends Shape>(spec: Spec<O>, look: Pick<Look, "paint" | "width">): string => {
  const { paint } = look
  const width = widthOf(look)
  const shape = { paint, width }
  const options = Object.values(spec.options).map(({ help, name, value }) => [`${name} ${value}`.trim(), help] as const)
  const interrupted: ReadonlyArray<readonly [string, string]> = spec.name === "serve" || spec.exit !== undefined
    ? []
    : [["128+N", "signal N ended it: 130 is Ctrl-C"]]
  return [
    `${paint("strong", "Usage:")} ${usage(spec)}`,
    ...spec.about.flatMap((text) => ["", ...Text.wrap(text, width)]),
    ...block("Options", list(options, shape), paint),
    ...(spec.operand === undefined
      ? []
      : block("Argument", list([[spec.operand.name, spec.operand.help]], shape), paint)),
    ...block("Exit codes", list([...codes, ...(spec.exit ?? interrupted)], shape), paint)
  ].map((line) => `${line}\n`).join("")
}

/**
 * The page of all commands. Ends with a newline.
 *
 * @since 0.1.0
 * @category rendering
 */
export const ofAll = (
  specs: ReadonlyArray<{ readonly name: string; readonly summary: string }>,
  look: Pick<Look, "paint" | "width">
): string => {
  const { paint } = look
  const shape = { paint, width: widthOf(look) }
  return [
    `${paint("strong", "contree-local:")} ConTree sandboxes on this machine`,
    "",
    `${paint("strong", "Usage:")} contree-local COMMAND [options]`,
    ...block("Commands", list(specs.map(({ name, summary }) => [name, summary] as const), shape), paint),
    ...block(
      "Options",
      list([["--help", "this page, or after a command its own"], ["--version", "the version"]], shape),
      paint
    ),
    ...block("Exit codes", list([...codes, ["others", "`run` ends with that of its command"]], shape), paint)
  ].map((line) => `${line}\n`).join("")
}
