/**
 * Text for people: what fits a line of a terminal, and what must not reach one.
 *
 * @since 0.1.0
 */

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/**
 * In one line, and without what moves a cursor or turns the direction of what follows: such characters as escapes.
 *
 * @since 0.1.0
 * @category conversions
 */
export const oneLine = (text: string): string =>
  text.replace(
    /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => escapes[character] ?? `\\u{${character.charCodeAt(0).toString(16)}}`
  )

const noWidth = /^(?:\p{Mn}|\p{Me}|\u200d|\ufe0f)$/u
const twoWide =
  /^(?:[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})$/u

const widthOf = (character: string): number => noWidth.test(character) ? 0 : twoWide.test(character) ? 2 : 1

/**
 * The columns that it takes on a terminal.
 *
 * @since 0.1.0
 * @category conversions
 */
export const columns = (text: string): number =>
  /^[\x20-\x7e]*$/.test(text) ? text.length : [...text].reduce((sum, character) => sum + widthOf(character), 0)

/**
 * At most so many columns; what was cut off is an ellipsis.
 *
 * @since 0.1.0
 * @category conversions
 */
export const cut = (text: string, width: number): string => {
  if (columns(text) <= width) return text
  if (width < 1) return ""
  let left = width - 1
  let shown = ""
  for (const character of text) {
    left -= widthOf(character)
    if (left < 0) break
    shown += character
  }
  return `${shown}…`
}

/**
 * Filled with spaces to so many columns.
 *
 * @since 0.1.0
 * @category conversions
 */
export const pad = (text: string, width: number, align: "left" | "right" = "left"): string => {
  const space = " ".repeat(Math.max(0, width - columns(text)))
  return align === "left" ? text + space : space + text
}

/**
 * Breaks at spaces. A word that is longer than a line (a path) stays whole, so that it can be copied.
 *
 * @since 0.1.0
 * @category conversions
 */
export const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)
    if (last === undefined || columns(last) + 1 + columns(word) > width) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"]

/**
 * Bytes, with three digits at most.
 *
 * @since 0.1.0
 * @category conversions
 */
export const bytes = (count: number): string => {
  let unit = 0
  let value = count
  // 1023.7 KiB would be four digits
  while (unit < units.length - 1 && Math.round(value) >= 1000) {
    value /= 1024
    unit += 1
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${units[unit]}`
}

const spans: ReadonlyArray<readonly [name: string, seconds: number]> = [
  ["y", 31_557_600],
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60]
]

/**
 * How long something took: a run may take a moment, or an hour.
 *
 * @since 0.1.0
 * @category conversions
 */
export const duration = (seconds: number): string => {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`
  return seconds < 119.95 ? `${seconds.toFixed(1)} s` : span(seconds)
}

/**
 * A span of time, roughly: in the largest unit that it has two of.
 *
 * @since 0.1.0
 * @category conversions
 */
export const span = (seconds: number): string => {
  // a clock may have been set back
  const whole = Math.max(0, seconds)
  const [name, size] = spans.find(([, size]) => whole >= 2 * size) ?? ["s", 1]
  return `${Math.floor(whole / size)} ${name}`
}
