/**
 * What `contree-local doctor` prints.
 *
 * @since 0.1.0
 */
import type { Check } from "./Doctor.js"

const marks = { ok: "✓", warning: "!", failed: "✗" } as const
const colors = { ok: 32, warning: 33, failed: 31 } as const

/** Breaks at spaces. A word that is longer than a line (a path) stays whole, so that it can be copied. */
const wrap = (text: string, width: number): ReadonlyArray<string> =>
  text.split(/\s+/).reduce<ReadonlyArray<string>>((lines, word) => {
    const last = lines.at(-1)
    return last === undefined || last.length + 1 + word.length > width
      ? [...lines, word]
      : [...lines.slice(0, -1), `${last} ${word}`]
  }, [])

const verdict = (checks: ReadonlyArray<Check>): string => {
  const count = (status: Check["status"]): number => checks.filter((check) => check.status === status).length
  const failed = count("failed")
  const warnings = count("warning")
  if (failed > 0) {
    return `Boxes cannot run here yet: ${failed === 1 ? "one thing has" : `${failed} things have`} to be fixed.`
  }
  return warnings > 0
    ? `Boxes run here, with ${warnings === 1 ? "one remark" : `${warnings} remarks`}.`
    : "Boxes run here."
}

/**
 * A table of the checks, what to type below each that is not ok, and a verdict. Ends with a newline.
 *
 * @since 0.1.0
 * @category rendering
 */
export const render = (
  checks: ReadonlyArray<Check>,
  options?: {
    /** ANSI colors. Default: only on a terminal, and not when NO_COLOR is set. */
    readonly color?: boolean | undefined
    /** Columns. Default: those of the terminal, at most 100; 80 when it is none. */
    readonly width?: number | undefined
  }
): string => {
  const color = options?.color ?? (process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "")
  const width = options?.width ?? Math.min(100, process.stdout.columns ?? 80)
  const paint = (code: number, text: string): string => color ? `\u001b[${code}m${text}\u001b[0m` : text
  const column = Math.max(...checks.map((check) => check.name.length)) + 6
  const indent = " ".repeat(column)
  const lines = checks.flatMap((check) => {
    const [first = "", ...rest] = wrap(check.detail, Math.max(20, width - column))
    // a fix is for copying: never broken
    const fix = check.fix === undefined ? [] : [`${indent}${paint(36, "→")} ${check.fix}`]
    const name = `  ${paint(colors[check.status], marks[check.status])} ${check.name.padEnd(column - 4)}`
    return [`${name}${first}`, ...rest.map((line) => `${indent}${line}`), ...fix]
  })
  return `\n${lines.join("\n")}\n\n  ${paint(1, verdict(checks))}\n\n`
}
