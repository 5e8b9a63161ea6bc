import type { Reporter, TestModule } from "vitest/node"

/** What a run of the tests came to. */
interface Totals {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

const done: ReadonlySet<string> = new Set(["passed", "skipped"])

/**
 * A module that could not be loaded, and an error outside every test, count as one failure each: they belong to no
 * test, yet a closing line that says `0 failed` over a red run would be a lie. So would one over a test that never
 * came to a result.
 */
const count = (modules: ReadonlyArray<TestModule>, unhandled: number): Totals => {
  let passed = 0
  let failed = unhandled
  let skipped = 0
  for (const module of modules) {
    let failedTests = 0
    for (const test of module.children.allTests()) {
      const state = test.result().state
      if (state === "passed") passed++
      else if (state === "failed" || state === "pending") failedTests++
      else skipped++
    }
    failed += failedTests
    if (failedTests === 0 && !done.has(module.state())) failed++
  }
  return { passed, failed, skipped }
}

/** `12 passed, 0 failed`, and the skipped ones only when there are any. */
export const closingLine = ({ failed, passed, skipped }: Totals): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`

/** Prints one plain line after vitest's own summary, for a machine that reads the last line only. */
export class ClosingLineReporter implements Reporter {
  private line: string | undefined

  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandledErrors: ReadonlyArray<unknown>): void {
    // Not printed here: the default reporter writes its summary during this same event. Watching runs many times.
    if (this.line === undefined) process.once("exit", () => process.stdout.write(`${this.line}\n`))
    const totals = count(modules, unhandledErrors.length)
    this.line = closingLine(totals)
    // vitest itself takes a test without a result for none
    if (totals.failed > 0) process.exitCode = 1
  }
}
