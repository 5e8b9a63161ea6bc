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
  /** Left out where too little of those would be left, the highest first. Without it the column always stays. */
  readonly spare?: number | undefined
}

/** no narrower than this, whatever the terminal is */
const least = 8
/** what still says something; where there is no room for it, other columns go */
const comfortable = 14
const gap = "  "

const totalOf = (widths: ReadonlyArray<number>): number =>
  widths.reduce((sum, each) => sum + each, 0) + gap.length * (widths.length - 1)

/** The places of the columns that a terminal of this width has room for. */
const shownOf = (
  columns: ReadonlyArray<Column>,
  natural: ReadonlyArray<number>,
  width: number
): ReadonlyArray<number> => {
  const narrowest = (index: number): number => {
    const own = natural[index] ?? 0
    return columns[index]?.flexible === true ? Math.min(own, comfortable) : own
  }
  const spares = columns.flatMap(({ spare }, index) => spare === undefined ? [] : [{ index, spare }])
    .sort((a, b) => b.spare - a.spare)
  let shown = columns.map((_, index) => index)
  for (const { index } of spares) {
    if (totalOf(shown.map(narrowest)) <= width) break
    shown = shown.filter((each) => each !== index)
  }
  return shown
}

/** The widest of those that give way lose a column each time, until all fits or none can. */
const fit = (
  columns: ReadonlyArray<Column>,
  natural: ReadonlyArray<number>,
  width: number
): ReadonlyArray<number> => {
  const widths = [...natural]
  for (let over = totalOf(widths) - width; over > 0; over -= 1) {
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
  const all = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map((_, at) => Text.oneLine(row[at] ?? "")))
  ]
  const natural = columns.map((_, at) => Math.max(...all.map((row) => Text.columns(row[at] ?? ""))))
  const shown = shownOf(columns, natural, options.width)
  const pick = <A>(items: ReadonlyArray<A>): ReadonlyArray<A> =>
    shown.flatMap((at) => items[at] === undefined ? [] : [items[at]])
  const widths = fit(pick(columns), pick(natural), options.width)
  const aligns = pick(columns).map(({ align }) => align)
  const [titles = "", ...lines] = all.map((row) =>
    pick(row).map((cell, at) => Text.pad(Text.cut(cell, widths[at] ?? 0), widths[at] ?? 0, aligns[at])).join(gap)
      .trimEnd()
  )
  const paint = options.title ?? ((text) => text)
  return [paint(titles), ...lines].map((text) => `${text}\n`).join("")
}
