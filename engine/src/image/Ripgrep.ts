/**
 * The ripgrep that comes with this package, one prebuilt program for each platform.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { realpathSync } from "node:fs"
import { internal } from "../run/Refusal.js"
import type { Refusal } from "../run/Refusal.js"

/**
 * Its absolute path. npm leaves out the program where it was told to install no optional packages: then searches fail,
 * and say so.
 *
 * @since 0.1.0
 * @category constructors
 */
export const findRipgrep: Effect.Effect<string, Refusal> = Effect.tryPromise({
  // when it is needed: without the program of this platform the import itself fails
  try: async () => realpathSync((await import("@vscode/ripgrep")).rgPath),
  catch: () =>
    internal(
      `no ripgrep for ${process.platform}-${process.arch}: install contree-local with its optional packages ` +
        "(npm install --include=optional)"
    )
})
