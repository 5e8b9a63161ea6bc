/**
 * Keeps `exports` of package.json in step with src/index.ts: one deep entry for each `export * as X from ...`, listed
 * one by one, since a wildcard would publish every helper file for ever. Besides there are `./node`, for
 * programs on Node, and `./testing`, which programs do not import but their tests do.
 *
 *   tsx scripts/exports.ts           fails when they differ
 *   tsx scripts/exports.ts --write   mends package.json
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

interface Entry {
  readonly types: string
  /** see join.ts */
  readonly node: string
  readonly default: string
}

export type Exports = Record<string, string | null | Entry>

const entry = (path: string): Entry => ({
  types: `./dist/${path}.d.ts`,
  node: `./dist/joined/${path}.js`,
  default: `./dist/${path}.js`
})

/** The modules of the barrel: name of the namespace to path below `src`, without a suffix. */
export const modulesOf = (index: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  for (const [, name, path] of index.matchAll(/^export \* as (\w+) from "\.\/(.+)\.js"$/gm)) {
    if (name !== undefined && path !== undefined) found.set(name, path)
  }
  return found
}

/** Every entry point, and its path below `src`. */
export const entriesOf = (
  modules: ReadonlyMap<string, string>
): ReadonlyArray<readonly [key: string, path: string]> => [
  [".", "index"],
  ...[...modules].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, path]) => [`./${name}`, path] as const),
  ["./node", "node/index"],
  ["./testing", "testing"]
]

/** What package.json must say for these modules, in the order in which it must say it. */
export const exportsOf = (modules: ReadonlyMap<string, string>): Exports => ({
  ...Object.fromEntries(entriesOf(modules).map(([key, path]) => [key, entry(path)])),
  "./internal/*": null,
  "./package.json": "./package.json"
})

/** What is wrong with a barrel, in words; nothing when all is well. */
export const problemsOf = (
  index: string,
  actual: Exports,
  exists: (path: string) => boolean
): ReadonlyArray<string> => {
  const modules = modulesOf(index)
  const expected = exportsOf(modules)
  const problems: Array<string> = []
  for (const line of index.split("\n")) {
    if (line.startsWith("export") && !/^export \* as \w+ from "\.\/.+\.js"$/.test(line)) {
      problems.push(`src/index.ts holds more than \`export * as X from "./room/X.js"\`: ${line}`)
    }
  }
  for (const [name, path] of modules) {
    if (!path.endsWith(`/${name}`)) problems.push(`src/index.ts names ${path} "${name}": use the file's own name`)
    // tsconfig.json and vitest.config.ts find `effect-contree/X` by trying the rooms in this order.
    const first = ["layers", "services", "schemas"].find((room) => exists(`src/${room}/${name}.ts`))
    if (first !== undefined && path !== `${first}/${name}`) {
      problems.push(
        `effect-contree/${name} is ${path} in src/index.ts, but ${first}/${name}.ts hides it in development`
      )
    }
  }
  for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const [want, have] = [JSON.stringify(expected[key]), JSON.stringify(actual[key])]
    if (want !== have) problems.push(`exports["${key}"] is ${have ?? "absent"}, should be ${want ?? "absent"}`)
  }
  if (problems.length === 0 && JSON.stringify(expected) !== JSON.stringify(actual)) {
    problems.push("exports is in another order than the script writes")
  }
  return problems
}

const main = (write: boolean): void => {
  const root = fileURLToPath(new URL("..", import.meta.url))
  const index = readFileSync(`${root}/src/index.ts`, "utf8")
  const manifest: Record<string, unknown> & { exports: Exports } = JSON.parse(
    readFileSync(`${root}/package.json`, "utf8")
  )
  if (write) {
    manifest.exports = exportsOf(modulesOf(index))
    writeFileSync(`${root}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`)
  }
  const problems = problemsOf(index, manifest.exports, (path) => existsSync(`${root}/${path}`))
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) {
    console.error("run `npx tsx scripts/exports.ts --write` to mend package.json")
    process.exitCode = 1
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.includes("--write"))
