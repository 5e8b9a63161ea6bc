/**
 * The SDK in few files, for Node: to find and link 140 files takes it several times as long as to run what is in them.
 * What two entry points share is in a file that both load, so every class and every state is there once. The deep entry
 * points are names for what is in the index, which a program that runs anything needs whole. Whoever bundles for a browser
 * takes one file for each module instead, and leaves out what is not used.
 *
 *   tsx scripts/join.ts   into dist/joined, where `exports` of package.json looks under "node"
 */
import { build, type BuildOptions } from "esbuild"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, relative } from "node:path/posix"
import { fileURLToPath } from "node:url"
import { entriesOf, modulesOf } from "./exports.js"

const root = fileURLToPath(new URL("..", import.meta.url))

const options = (paths: ReadonlyArray<string>, outdir: string): BuildOptions => ({
  absWorkingDir: root,
  entryPoints: paths.map((path) => `src/${path}.ts`),
  outdir,
  outbase: "src",
  chunkNames: "shared/[hash]",
  bundle: true,
  packages: "external",
  format: "esm",
  platform: "node",
  target: "es2022",
  logLevel: "error"
})

/** What each module exports, by its path. */
const namesOf = async (paths: ReadonlyArray<string>): Promise<ReadonlyMap<string, ReadonlyArray<string>>> => {
  const { metafile } = await build({ ...options(paths, "names"), splitting: true, write: false, metafile: true })
  return new Map(paths.map((path) => [path, metafile.outputs[`names/${path}.js`]?.exports ?? []]))
}

/** A module as a part of the index. */
const partOf = (path: string, namespace: string, names: ReadonlyArray<string>): string => {
  const index = relative(dirname(path), "index.js")
  return [
    `import { ${namespace} as $ } from "${index.startsWith(".") ? index : `./${index}`}"`,
    ...names.map((name, i) => `const $${i} = $.${name}`),
    `export { ${names.map((name, i) => `$${i} as ${name}`).join(", ")} }`,
    ""
  ].join("\n")
}

/** Paths below `outdir` are those of the sources below `src`. */
export const join = async (outdir: string): Promise<void> => {
  const modules = modulesOf(readFileSync(`${root}src/index.ts`, "utf8"))
  const parts = new Set(modules.values())
  const whole = entriesOf(modules).map(([, path]) => path).filter((path) => !parts.has(path))
  await build({ ...options(whole, outdir), splitting: true, sourcemap: true, sourcesContent: false })
  const names = await namesOf([...parts])
  for (const [namespace, path] of modules) {
    const file = `${root}${outdir}/${path}.js`
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, partOf(path, namespace, names.get(path) ?? []))
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await join("dist/joined")
