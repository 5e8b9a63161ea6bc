import { describe, expect, it } from "@effect/vitest"
import * as Path from "node:path"
import Ts from "typescript"
import { pending } from "./pending.js"

/**
 * Consumer programs, and cases that must not compile, against the real packages. What the surface does not have yet is
 * listed in `pending.ts`, word for word: a program that compiles better than its list fails too, so the list can only
 * shrink.
 */
const root = Path.resolve(import.meta.dirname, "../..")
const folder = Path.join(root, "test/types/programs")

/** Every diagnostic of every program, as `line: first line of the message`. */
const diagnose = (): ReadonlyMap<string, ReadonlyArray<string>> => {
  const config = Ts.readConfigFile(Path.join(root, "tsconfig.json"), (path) => Ts.sys.readFile(path))
  const { options } = Ts.parseJsonConfigFileContent(config.config, Ts.sys, root)
  const names = [
    ...Ts.sys.readDirectory(folder, [".ts"]),
    Path.join(root, "examples/thirty-lines.ts")
  ]
  const program = Ts.createProgram(names, { ...options, noUnusedLocals: false })
  return new Map(names.map((name) => {
    const source = program.getSourceFile(name)!
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    return [
      Path.basename(name, ".ts"),
      found.map((diagnostic) => {
        const { line } = source.getLineAndCharacterOfPosition(diagnostic.start ?? 0)
        const message = Ts.flattenDiagnosticMessageText(diagnostic.messageText, " ").split("\n")[0]!
        return `${line + 1}: ${message}`.slice(0, 100)
      })
    ]
  }))
}

describe("consumer programs", () => {
  const diagnostics = diagnose()
  it.each([...diagnostics.keys()])("%s", (name) => {
    expect(diagnostics.get(name)).toEqual(pending[name] ?? [])
  })
})
