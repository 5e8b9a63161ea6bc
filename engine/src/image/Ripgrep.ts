/**
 * The ripgrep that comes with this package, one prebuilt program for each platform.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { realpathSync } from "node:fs"
import { createRequire } from "node:module"
import { internal } from "../run/Refusal.js"
import type { Refusal } from "../run/Refusal.js"

const require = createRequire(import.meta.url)

/**
 * Its absolute path. npm leaves out the program where it was told to install no optional packages: then searches fail,
 * and say so.
 *
 * @since 0.1.0
 * @category constructors
 */
export const findRipgrep: Effect.Effect<string, Refusal> = Effect.try({
  try: () => {
    const main = require.resolve("@vscode/ripgrep/package.json")
    const platform = `@vscode/ripgrep-${process.platform}-${process.arch}`
    return realpathSync(createRequire(main).resolve(`${platform}/bin/rg`))
  },
  catch: () =>
    internal(
      `no ripgrep for ${process.platform}-${process.arch}: install contree-local with its optional packages ` +
        "(npm install --include=optional)"
    )
})
