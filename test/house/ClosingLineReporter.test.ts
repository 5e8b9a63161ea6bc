import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { closingLine } from "../../scripts/ClosingLineReporter.js"

const repository = fileURLToPath(new URL("../..", import.meta.url))

const config = `import { ClosingLineReporter } from "${repository}/scripts/ClosingLineReporter.ts"
import { LateAnswerReporter } from "${repository}/scripts/LateAnswerReporter.ts"
export default { test: { reporters: ["default", new LateAnswerReporter(), new ClosingLineReporter()] } }
`

/** Runs the real vitest with the real reporter over the given test files. */
const lastLine = (
  files: Readonly<Record<string, string>>
): { readonly line: string; readonly status: number | null } => {
  const directory = mkdtempSync(`${tmpdir()}/closing-`)
  try {
    symlinkSync(`${repository}/node_modules`, `${directory}/node_modules`)
    writeFileSync(`${directory}/package.json`, JSON.stringify({ type: "module" }))
    writeFileSync(`${directory}/vitest.config.ts`, config)
    for (const [name, text] of Object.entries(files)) writeFileSync(`${directory}/${name}.test.ts`, text)
    const done = spawnSync(process.execPath, [`${repository}/node_modules/vitest/vitest.mjs`, "run"], {
      cwd: directory,
      encoding: "utf8",
      env: { PATH: process.env["PATH"], CI: "true" }
    })
    return { line: done.stdout.trimEnd().split("\n").at(-1) ?? "", status: done.status }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const passing = "import { it } from \"vitest\"\nit(\"a\", () => {})\nit(\"b\", () => {})\n"

// Some of these run vitest, which other tests may keep waiting for the processor.
describe("the closing line", () => {
  it("leaves out what is zero, but for failures", () => {
    assert.strictEqual(closingLine({ passed: 3, failed: 0, skipped: 0 }), "3 passed, 0 failed")
    assert.strictEqual(closingLine({ passed: 3, failed: 1, skipped: 2 }), "3 passed, 1 failed, 2 skipped")
  })

  it("is the last one of a green run", () =>
    assert.deepStrictEqual(lastLine({ a: passing }), { line: "2 passed, 0 failed", status: 0 }))

  it("counts failures, skipped tests, files that do not load and errors outside a test", () => {
    const mixed =
      "import { it } from \"vitest\"\nit(\"a\", () => { throw new Error(\"no\") })\nit.skip(\"b\", () => {})\n"
    const stray = `${passing}void Promise.reject(new Error("stray"))\n`
    assert.deepStrictEqual(lastLine({ a: passing, b: mixed, c: "import \"./absent.js\"\n", d: stray }), {
      line: "4 passed, 3 failed, 1 skipped",
      status: 1
    })
  })

  it("takes a late answer of vitest's own for no failure", () => {
    const late = `${passing}void Promise.reject(new Error("[vitest-worker]: Timeout calling \\"onTaskUpdate\\""))\n`
    assert.deepStrictEqual(lastLine({ a: late }), { line: "2 passed, 0 failed", status: 0 })
  })
})
