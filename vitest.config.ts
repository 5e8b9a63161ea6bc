import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Plugin } from "vite"
import { defineConfig } from "vitest/config"
import { ClosingLineReporter } from "./scripts/ClosingLineReporter.js"
import { LateAnswerReporter } from "./scripts/LateAnswerReporter.js"

const fromRoot = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/**
 * Where the source of an entry point may be, in the order of `paths` in tsconfig.json: without it the workspace's
 * own link in node_modules would lead the tests to `dist`, which is old or absent.
 */
const candidates = (specifier: string): ReadonlyArray<string> => {
  if (specifier === "contree-local") return ["engine/src/index.ts"]
  if (specifier === "effect-contree") return ["src/index.ts"]
  const name = /^effect-contree\/([A-Za-z]+)$/.exec(specifier)?.[1]
  if (name === undefined) return []
  return ["layers", "services", "schemas"]
    .map((room) => `src/${room}/${name}.ts`)
    .concat(`src/${name}.ts`, `src/${name}/index.ts`)
}

export const workspaceSources = (): Plugin => ({
  name: "workspace-sources",
  enforce: "pre",
  resolveId: (specifier) => candidates(specifier).map(fromRoot).find((file) => existsSync(file)) ?? null
})

/**
 * What looks at all that this process holds (descriptors, sockets): other files in the same process must not have left
 * something behind that goes away in the meantime.
 */
const processWide = ["engine/test/box/Ends.test.ts"]

const include = ["test/**/*.test.ts", "engine/test/**/*.test.ts"]
const exclude = ["**/node_modules/**", "**/*.slow.test.ts"]

/**
 * What the slow tests share with the others. A time-out is there to end what hangs, on the slowest machine too: no test
 * says with it how fast something is.
 */
export const common = {
  pool: "forks",
  testTimeout: 1_200_000,
  hookTimeout: 1_200_000,
  setupFiles: fromRoot("test/support/eachFile.ts"),
  reporters: ["default", new LateAnswerReporter(), new ClosingLineReporter()]
} as const

export default defineConfig({
  plugins: [workspaceSources()],
  test: {
    ...common,
    reporters: [...common.reporters],
    // Files share processes: loading Effect anew takes longer than most files' tests. Projects share none.
    poolOptions: { forks: { minForks: 1, maxForks: 2, isolate: false } },
    projects: [
      { extends: true, test: { name: "shared", include, exclude: [...exclude, ...processWide] } },
      { extends: true, test: { name: "own process", include: processWide, exclude } }
    ]
  }
})
