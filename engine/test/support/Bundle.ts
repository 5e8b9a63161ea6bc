/** Programs of tests and examples in one file, which starts in a fraction of the time that their sources take. */
import { buildSync } from "esbuild"
import * as Fs from "node:fs"
import { resolve } from "node:path"
import { afterAll } from "vitest"

/** Gone when the tests of this file have run. Inside the checkout, so that what stays outside of a bundle is found. */
export const bundleFolder = (): string => {
  const folder = Fs.mkdtempSync(resolve("node_modules/.contree-bundle-"))
  afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The path of the bundle; `entry` is a path from the root of the checkout. Native code cannot be bundled. */
export const bundle = (entry: string, folder: string = bundleFolder()): string => {
  const outfile = `${folder}/dist/program.mjs`
  buildSync({
    entryPoints: [resolve(entry)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["libsql", "@vscode/ripgrep"],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    tsconfig: resolve("tsconfig.json"),
    logLevel: "silent"
  })
  return outfile
}
