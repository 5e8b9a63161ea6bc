/**
 * The TypeScript examples of README.md, docs/*.md and of the doc comments of both packages, taken out and
 * type-checked, so that no page shows a program that does not compile. A fence of ```ts no-check opts out.
 *
 * docgen can check those of doc comments too, but it rewrites imports of deep entry points to files that do not
 * exist and then runs every example: here they are checked as a user's file would be, and never run.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, relative } from "node:path"
import { run, ToolFailed } from "./run.js"

export interface Example {
  /** The line of the page on which the code starts, counted from 1. */
  readonly line: number
  readonly code: string
}

const comment = /^\s*\*( |$)/

/** Takes the blocks out of a page; of a TypeScript file only what stands in doc comments is looked at. */
export const examplesOf = (text: string, kind: "markdown" | "typescript"): ReadonlyArray<Example> => {
  const examples: Array<Example> = []
  let inComment = false
  let open:
    | { readonly fence: string; readonly checked: boolean; readonly line: number; readonly code: Array<string> }
    | undefined
  text.split("\n").forEach((raw, index) => {
    if (kind === "typescript") {
      if (raw.trimStart().startsWith("/**")) inComment = true
      if (!inComment || raw.includes("*/")) {
        inComment = false
        open = undefined
        return
      }
    }
    const line = kind === "typescript" ? raw.replace(comment, "") : raw
    const fence = /^\s*(`{3,}|~{3,})\s*(.*)$/.exec(line)
    if (open === undefined) {
      if (fence?.[1] === undefined) return
      const [language, ...flags] = (fence[2] ?? "").trim().split(/\s+/)
      const checked = (language === "ts" || language === "typescript") && !flags.includes("no-check")
      open = { fence: fence[1], checked, line: index + 2, code: [] }
    } else if (fence?.[1]?.startsWith(open.fence) === true && fence[2] === "") {
      if (open.checked) examples.push({ line: open.line, code: open.code.join("\n") })
      open = undefined
    } else open.code.push(line)
  })
  return examples
}

/** Blank lines in front, so that the compiler's line numbers are those of the page. */
const fileOf = ({ code, line }: Example): string => `${"\n".repeat(line - 1)}${code}\n`

/** Type-checks the examples of the repository below `root` and gives how many there were. */
export const checkExamples = (root: string): number => {
  const directory = `${root}/.check/examples`
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const files = new Map<string, string>()
  for (const page of pagesOf(root)) {
    const text = readFileSync(`${root}/${page}`, "utf8")
    for (const example of examplesOf(text, page.endsWith(".md") ? "markdown" : "typescript")) {
      const file = `${page.replace(/\.(md|ts)$/, "")}/${example.line}.ts`
      mkdirSync(dirname(`${directory}/${file}`), { recursive: true })
      writeFileSync(`${directory}/${file}`, fileOf(example))
      files.set(file, page)
    }
  }
  const unfenced = pagesOf(root).filter((page) =>
    /@example\n\s*\* (?!```)/.test(readFileSync(`${root}/${page}`, "utf8"))
  )
  if (unfenced.length > 0) {
    throw new ToolFailed(`@example without a \`\`\`ts fence, so nobody checks it: ${unfenced.join(", ")}`)
  }
  if (files.size === 0) return 0
  writeFileSync(
    `${directory}/tsconfig.json`,
    JSON.stringify({
      extends: "../../tsconfig.json",
      // An example may name a value that it only shows.
      compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
      include: [],
      files: [...files.keys()]
    })
  )
  try {
    run(`${root}/node_modules/.bin/tsc`, ["--noEmit", "--pretty", "false", "-p", `${directory}/tsconfig.json`], root)
  } catch (error) {
    if (error instanceof ToolFailed) throw new ToolFailed(nameThePages(error.message, relative(root, directory), files))
    throw error
  }
  return files.size
}

/** The generated pages of docs/modules are left out: their examples are those of the doc comments. */
const pagesOf = (root: string): ReadonlyArray<string> => {
  const below = (folder: string, suffix: string, recursive: boolean): ReadonlyArray<string> =>
    existsSync(`${root}/${folder}`)
      ? readdirSync(`${root}/${folder}`, { recursive, encoding: "utf8" })
        .filter((name) => name.endsWith(suffix))
        .map((name) => `${folder}/${name}`)
      : []
  return [
    ...below(".", ".md", false).map((page) => page.slice(2)),
    ...below("docs", ".md", false),
    ...below("engine", ".md", false),
    ...below("src", ".ts", true),
    ...below("engine/src", ".ts", true)
  ].sort()
}

const nameThePages = (output: string, directory: string, files: ReadonlyMap<string, string>): string => {
  let named = output
  for (const [file, page] of files) named = named.replaceAll(`${directory}/${file}(`, `${page}(`)
  return named
}
