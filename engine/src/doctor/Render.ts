/**
 * What `contree-local doctor` prints.
 *
 * @since 0.1.0
 */
import * as Terminal from "../cli/Terminal.js"
import * as Text from "../cli/Text.js"
import type { Check } from "./Doctor.js"

const marks = { ok: "✓", warning: "!", failed: "✗" } as const
const styles = { ok: "good", warning: "warning", failed: "bad" } as const

const widest = 100
/** a detail beside its name, whatever the terminal is */
const narrowest = 20

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
  look: Pick<Terminal.Look, "isTerminal" | "paint" | "width"> = Terminal.look(process.stdout)
): string => {
  const { isTerminal, paint } = look
  const width = isTerminal ? Math.min(widest, look.width) : 80
  const column = Math.max(...checks.map((check) => check.name.length)) + 6
  const indent = " ".repeat(column)
  const lines = checks.flatMap((check) => {
    const [first = "", ...rest] = Text.wrap(check.detail, Math.max(narrowest, width - column))
    // a fix is for copying: never broken
    const fix = check.fix === undefined ? [] : [`${indent}${paint("name", "→")} ${check.fix}`]
    const name = `  ${paint(styles[check.status], marks[check.status])} ${check.name.padEnd(column - 4)}`
    return [`${name}${first}`, ...rest.map((line) => `${indent}${line}`), ...fix]
  })
  return `\n${lines.join("\n")}\n\n  ${paint("strong", verdict(checks))}\n\n`
}
