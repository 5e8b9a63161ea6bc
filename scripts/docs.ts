/**
 * `npm run docs`: the reference of every module, as pages in docs/modules, by docgen, which fails where an export does
 * not say since when it is there.
 *
 * It works on a copy in which examples are plain text: docgen would rewrite their imports to files that do not exist,
 * and run them. `npm run check` type-checks them as they are.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { root, run } from "./run.js"

const copy = join(root, "node_modules/.cache/docs")

const withoutExamples = (folder: string): void => {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue
    const file = join(folder, name)
    writeFileSync(file, readFileSync(file, "utf8").replace(/^(\s*\*) @example$/gm, "$1 **Example**\n$1"))
  }
}

export const makeDocs = (): void => {
  rmSync(copy, { recursive: true, force: true })
  mkdirSync(copy, { recursive: true })
  for (const name of ["src", "package.json", "docgen.json", "tsconfig.json"]) {
    cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  withoutExamples(join(copy, "src"))
  run(process.execPath, [join(root, "node_modules/@effect/docgen/bin.cjs")], copy)
  rmSync(join(root, "docs/modules"), { recursive: true, force: true })
  cpSync(join(copy, "docs/modules"), join(root, "docs/modules"), { recursive: true })
}

if (process.argv[1] === import.meta.filename) makeDocs()
