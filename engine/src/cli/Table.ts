/**
 * Rows and columns for a terminal.
 *
 * @since 0.1.0
 */
import * as Text from "./Text.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Column {
  readonly title: string
  readonly align?: "left" | "right" | undefined
  /** Gives way where the table is wider than the terminal: its longest cells are cut. */
  readonly flexible?: boolean | undefined
}

/** no narrower than this, whatever the terminal is */
const least = 8
const gap = "  "

/** The widest of those that give way lose a column each time, until all fits or none can. */
const fit = (
  columns: ReadonlyArray<Column>,
  natural: ReadonlyArray<number>,
  width: number
): ReadonlyArray<number> => {
  const widths = [...natural]
  const total = (): number => widths.reduce((sum, each) => sum + each, 0) + gap.length * (widths.length - 1)
  for (let over = total() - width; over > 0; over -= 1) {
    const widest = columns.reduce<number | undefined>((found, { flexible }, index) => {
      const own = widths[index] ?? 0
      return flexible !== true || own <= least || (found !== undefined && (widths[found] ?? 0) >= own) ? found : index
    }, undefined)
    if (widest === undefined) break
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

/**
 * A line of titles, and one for each row. Ends with a newline. Cells are put in one line each; `title` may paint.
 *
 * @since 0.1.0
 * @category rendering
 */
export const render = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  options: { readonly width: number; readonly title?: ((text: string) => string) | undefined }
): string => {
  const cells = rows.map((row) => columns.map((_, index) => Text.oneLine(row[index] ?? "")))
  const titles = columns.map(({ title }) => title)
  const natural = columns.map((_, index) =>
    Math.max(...[titles, ...cells].map((row) => Text.columns(row[index] ?? "")))
  )
  const widths = fit(columns, natural, options.width)
  const line = (row: ReadonlyArray<string>): string =>
    columns.map(({ align }, index) => {
      const width = widths[index] ?? 0
      return Text.pad(Text.cut(row[index] ?? "", width), width, align)
    }).join(gap).trimEnd()
  const paint = options.title ?? ((text) => text)
  return [paint(line(titles)), ...cells.map(line)].map((text) => `${text}\n`).join("")
}
