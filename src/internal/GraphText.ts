/** A graph in the languages of those who draw it. Any text may stand in it: each language has its own way to quote. */
import * as Command from "../schemas/Command.js"

export interface Graph {
  readonly nodes: ReadonlyArray<{ readonly lines: ReadonlyArray<string>; readonly isTip: boolean }>
  /** from and to, by number */
  readonly edges: ReadonlyArray<readonly [number, number]>
  readonly names: ReadonlyArray<{ readonly name: string; readonly node: number }>
}

const longest = 60

/** halves of surrogate pairs, controls, and what turns text around or breaks a line: nothing that a person could see */
const unseen = /[\p{Cs}\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu

/** On one line, and only what can be seen. */
export const visible = (text: string): string =>
  text.replace(/\r\n|\r|\n/g, "\u21b5").replace(/\t/g, " ").replace(unseen, "\ufffd")

const cut = (text: string): string => {
  const characters = [...text]
  return characters.length <= longest ? text : `${characters.slice(0, longest).join("")}\u2026`
}

/** As it would be typed, in short. */
export const commandLine = (command: Command.Command): string => {
  if (command._tag === "Shell") return cut(visible(command.script))
  const words = [command.path, ...command.args].map((word) =>
    /^[\w./:=@%+,-]+$/.test(word) ? word : Command.quote(word)
  )
  return cut(visible(words.join(" ")))
}

/** `\l` ends a line at its left; a label also takes `&...;` for a character */
const dotLabel = (lines: ReadonlyArray<string>): string => {
  const quoted = lines.map((line) => visible(line).replace(/\\/g, "\\\\").replace(/"/g, "\\\"").replace(/&/g, "&amp;"))
  return `"${quoted.map((line) => quoted.length === 1 ? line : `${line}\\l`).join("")}"`
}

export const toDot = ({ edges, names, nodes }: Graph): string =>
  [
    "digraph session {",
    "  node [shape=box, fontname=\"monospace\"];",
    ...nodes.map(({ isTip, lines }, i) => `  n${i} [label=${dotLabel(lines)}${isTip ? ", peripheries=2" : ""}];`),
    ...edges.map(([from, to]) => `  n${from} -> n${to};`),
    ...names.flatMap(({ name, node }, i) => [
      `  b${i} [shape=oval, label=${dotLabel([name])}];`,
      `  b${i} -> n${node} [style=dashed, arrowhead=none];`
    ]),
    "}",
    ""
  ].join("\n")

/** Everything but letters, digits and the mildest of signs as the number of its character: labels are Markdown and HTML. */
const mermaidLabel = (lines: ReadonlyArray<string>): string => {
  const quoted = lines.map((line) =>
    visible(line).replace(/[^\p{L}\p{N} ]/gu, (character) => `#${character.codePointAt(0)};`)
  )
  return `"${quoted.join("<br/>")}"`
}

export const toMermaid = ({ edges, names, nodes }: Graph): string =>
  [
    "flowchart TD",
    ...nodes.map(({ lines }, i) => `  n${i}[${mermaidLabel(lines)}]`),
    ...edges.map(([from, to]) => `  n${from} --> n${to}`),
    ...names.flatMap(({ name, node }, i) => [`  b${i}([${mermaidLabel([name])}])`, `  b${i} -.- n${node}`]),
    ...nodes.flatMap(({ isTip }, i) => isTip ? [`  style n${i} stroke-width:4px`] : []),
    ""
  ].join("\n")
