import { defineConfig } from "vitest/config"
import { common, workspaceSources } from "./vitest.config.js"

/** Tests that need minutes, the whole machine or both: one at a time, never part of `npm test`. */
export default defineConfig({
  plugins: [workspaceSources()],
  test: {
    ...common,
    reporters: [...common.reporters],
    include: ["test/**/*.slow.test.ts", "engine/test/**/*.slow.test.ts"],
    exclude: ["**/node_modules/**"],
    // A checkout may have no slow test yet.
    passWithNoTests: true,
    poolOptions: { forks: { singleFork: true } },
    testTimeout: 600_000,
    hookTimeout: 120_000
  }
})
