/** Figures as a table of Markdown, which a terminal shows as well. */
import { isReached } from "./Harness.js"
import type { Metric } from "./Harness.js"

const shown = (value: number): string => {
  if (!Number.isFinite(value)) return "-"
  const size = Math.abs(value)
  return size >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(size >= 10 ? 1 : 2)
}

const cells = (metric: Metric): ReadonlyArray<string> => {
  const { higher, limit, metric: what, name, ours, peer, reach, spread, unit } = metric
  const ratio = limit === 0 ? "" : ` (${(ours / limit).toFixed(2)})`
  return [
    name,
    what,
    unit,
    `${shown(ours)}${spread === undefined ? "" : ` [${shown(spread[0])}, ${shown(spread[1])}]`}`,
    `${shown(limit)}${ratio}`,
    Object.entries(peer).map(([who, value]) => `${who} ${shown(value)}`).join(", "),
    reach === undefined ? "" : `${higher ? "at least" : "at most"} ${shown(reach)}`,
    reach === undefined ? "" : isReached(metric) ? "yes" : "**no**"
  ]
}

const head = ["row", "what", "unit", "ours [min, max]", "limit (ours / limit)", "others", "reach", "reached"]

export const table = (metrics: ReadonlyArray<Metric>): string => {
  const lines = [head, ...metrics.map(cells)]
  const widths = head.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)))
  const drawn = lines.map((line) => `| ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`)
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`
  return [drawn[0], rule, ...drawn.slice(1)].join("\n")
}
