import { assert, describe, it } from "@effect/vitest"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { checkExamples, examplesOf } from "../../scripts/docsExamples.js"

const fence = "```"

describe("examplesOf", () => {
  it("takes the blocks of a page that are TypeScript and did not opt out", () => {
    const page = [
      "# Page",
      `${fence}ts`,
      "const a = 1",
      fence,
      `${fence}sh`,
      "npm test",
      fence,
      `${fence}ts no-check`,
      "const = 2",
      fence,
      `${fence}typescript`,
      "const b = 2",
      "",
      "const c = 3",
      fence
    ].join("\n")
    assert.deepStrictEqual(examplesOf(page, "markdown"), [
      { line: 3, code: "const a = 1" },
      { line: 12, code: "const b = 2\n\nconst c = 3" }
    ])
  })

  it("ends a block only at a fence as long as its own", () => {
    const page = ["````ts", "const a = `", fence, "`", "````"].join("\n")
    assert.deepStrictEqual(examplesOf(page, "markdown"), [{ line: 2, code: `const a = \`\n${fence}\n\`` }])
  })

  it("takes those of doc comments, with their indentation, and nothing of the code", () => {
    const source = [
      "/**",
      " * Does it.",
      " *",
      " * @example",
      ` * ${fence}ts`,
      " * if (true) {",
      " *   run()",
      " *",
      " * }",
      ` * ${fence}`,
      " */",
      `const text = \``,
      `${fence}ts`,
      "const no = 1",
      fence,
      "`"
    ].join("\n")
    assert.deepStrictEqual(examplesOf(source, "typescript"), [{ line: 6, code: "if (true) {\n  run()\n\n}" }])
  })

  it("drops a block that its comment does not close", () => {
    assert.deepStrictEqual(examplesOf(["/**", ` * ${fence}ts`, " * x", " */"].join("\n"), "typescript"), [])
  })
})

// Each of these runs a compiler, which other tests may keep waiting for the processor.
describe("checkExamples", () => {
  const repository = fileURLToPath(new URL("../..", import.meta.url))
  const check = (readme: string): string | number => {
    const directory = mkdtempSync(`${tmpdir()}/examples-`)
    try {
      symlinkSync(`${repository}/node_modules`, `${directory}/node_modules`)
      mkdirSync(`${directory}/src`)
      writeFileSync(`${directory}/package.json`, JSON.stringify({ type: "module" }))
      writeFileSync(
        `${directory}/tsconfig.json`,
        JSON.stringify({
          compilerOptions: { module: "NodeNext", strict: true, noUnusedLocals: true, types: [], lib: ["ES2022"] }
        })
      )
      writeFileSync(`${directory}/README.md`, readme)
      return checkExamples(directory)
    } catch (error) {
      return String(error)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }

  it("counts what compiles, and names page and line of what does not", () => {
    assert.strictEqual(check(`# x\n\n${fence}ts\nconst a: number = 1\n${fence}\n`), 1)
    const verdict = check(`# x\n\n${fence}ts\nconst a = 1\nconst b: number = "b"\n${fence}\n`)
    assert.include(String(verdict), "README.md(5,7): error TS2322")
  })

  it("finds nothing to do in a page without examples", () => assert.strictEqual(check("# x\n"), 0))
})
