import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Plugin } from "vite"
import { defineConfig } from "vitest/config"
import { ClosingLineReporter } from "./scripts/ClosingLineReporter.js"

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

export default defineConfig({
  plugins: [workspaceSources()],
  test: {
    include: ["test/**/*.test.ts", "engine/test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/*.slow.test.ts"],
    pool: "forks",
    poolOptions: { forks: { minForks: 1, maxForks: 2 } },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ["default", new ClosingLineReporter()]
  }
})
