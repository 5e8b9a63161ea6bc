/**
 * The SDK's modules in few files, for Node: to find and link 140 files takes it three times as long as to run what is in
 * them. What two entry points share is in a file that both load, so every class and every state is there once. Whoever
 * bundles for a browser takes one file for each module instead, and leaves out what is not used.
 *
 *   tsx scripts/join.ts   into dist/joined, where `exports` of package.json looks under "node"
 */
import { build } from "esbuild"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { entriesOf, modulesOf } from "./exports.js"

const root = fileURLToPath(new URL("..", import.meta.url))

/** Paths below `outdir` are those of the sources below `src`. */
export const join = async (outdir: string): Promise<void> => {
  const paths = entriesOf(modulesOf(readFileSync(`${root}src/index.ts`, "utf8"))).map(([, path]) => path)
  await build({
    absWorkingDir: root,
    entryPoints: paths.map((path) => `src/${path}.ts`),
    outdir,
    outbase: "src",
    chunkNames: "shared/[hash]",
    bundle: true,
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "es2022",
    sourcemap: true,
    sourcesContent: false,
    logLevel: "error"
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await join("dist/joined")
