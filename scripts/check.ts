/**
 * `npm run check`: everything but the tests that must hold before a change is taken. All steps run, so that one go
 * tells all; the end lists what failed. `npm run check -- lint rooms` runs the named steps only.
 */
import { rmSync } from "node:fs"
import { makeDocs } from "./docs.js"
import { checkExamples } from "./docsExamples.js"
import { attw, pack, publint, smoke } from "./packages.js"
import { root, run, tool, ToolFailed } from "./run.js"

interface Step {
  readonly name: string
  readonly what: string
  readonly run: () => string | void
}

const steps: ReadonlyArray<Step> = [
  {
    name: "types",
    what: "tsc over sources, tests, examples and scripts",
    run: () => tool("tsc", "--noEmit", "--pretty", "false")
  },
  {
    name: "exports",
    what: "package.json lists the modules of src/index.ts",
    run: () => tool("tsx", "scripts/exports.ts")
  },
  {
    name: "effect",
    what: "the Effect language service over both packages' sources",
    run: () => {
      tool(
        "effect-language-service",
        "diagnostics",
        ...["--project", "tsconfig.effect.json", "--format", "text", "--severity", "error,warning", "--strict"]
      )
    }
  },
  { name: "lint", what: "eslint, and dprint's formatting through it", run: () => tool("eslint", ".") },
  {
    name: "rooms",
    what: "who may import whom",
    run: () => void tool("depcruise", "--config", ".dependency-cruiser.cjs", "src", "engine/src", "test", "engine/test")
  },
  { name: "docs", what: "docgen: every export says since when it is there", run: makeDocs },
  {
    name: "examples",
    what: "the programs in pages and doc comments compile",
    run: () => `${checkExamples(root)} examples\n`
  },
  { name: "build", what: "tsc to dist, both packages", run: () => void run("npm", ["run", "--silent", "build"]) },
  { name: "pack", what: "what would be published", run: pack },
  { name: "publint", what: "the tarballs' manifests", run: publint },
  { name: "attw", what: "the tarballs' types, every entry point", run: attw },
  { name: "smoke", what: "the tarballs installed by a stranger", run: smoke }
]

const attempt = (step: Step): boolean => {
  const started = performance.now()
  const seconds = (): string => `${((performance.now() - started) / 1000).toFixed(1)} s`
  process.stdout.write(`- ${step.name}: ${step.what}\n`)
  try {
    const output = step.run()
    if (typeof output === "string" && output.trim() !== "") process.stdout.write(`${output.trimEnd()}\n`)
    process.stdout.write(`  ok, ${seconds()}\n`)
    return true
  } catch (error) {
    // A tool's verdict is its output; anything else is a defect of the scripts, whose stack is wanted.
    const message = error instanceof ToolFailed ? error.message : error instanceof Error ? error.stack : String(error)
    process.stdout.write(`${message}\n  FAILED, ${seconds()}\n`)
    return false
  }
}

const main = (wanted: ReadonlyArray<string>): void => {
  const unknown = wanted.filter((name) => !steps.some((step) => step.name === name))
  if (unknown.length > 0) {
    console.error(`no step is called ${unknown.join(", ")}; there are ${steps.map((step) => step.name).join(", ")}`)
    process.exitCode = 2
    return
  }
  const failed = steps.filter((step) => wanted.length === 0 || wanted.includes(step.name))
    .filter((step) => !attempt(step))
  if (failed.length > 0) {
    console.error(`\n${failed.length} failed: ${failed.map((step) => step.name).join(", ")}`)
    process.exitCode = 1
    return
  }
  rmSync(`${root}/.check`, { recursive: true, force: true })
  console.log("\nall checks passed")
}

main(process.argv.slice(2))
