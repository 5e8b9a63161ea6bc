/**
 * The store that a command works with.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { readable } from "../box/ShellText.js"
import { defaultStore } from "../store/DefaultStore.js"
import * as Overview from "../store/Overview.js"
import type { StoreError } from "../store/StoreError.js"
import type { CommandError } from "./CommandError.js"
import { commandError } from "./CommandError.js"

/**
 * Absolute; where nobody names one, the default.
 *
 * @since 0.1.0
 * @category paths
 */
export const pathOf = (option: string | undefined): Effect.Effect<string> =>
  option === undefined ? defaultStore : Effect.sync(() => resolve(option))

/**
 * The folder of a store that is there. Whoever does not run or import makes none: an empty one would say that nothing was
 * ever done, where a folder was mistyped.
 *
 * @since 0.1.0
 * @category paths
 */
export const existing = (option: string | undefined): Effect.Effect<string, CommandError> =>
  Effect.gen(function*() {
    const path = yield* pathOf(option)
    if (existsSync(`${path}/contree.db`)) return path
    const named = option === undefined ? "" : ` --store ${readable(path)}`
    return yield* commandError(
      `there is no store in ${path} yet.\nThe first run or import makes one: contree-local run busybox${named} -- ls /` +
        (option === undefined ? "\nOr name another folder with --store" : "")
    )
  })

/**
 * What is in a store that is there.
 *
 * @since 0.1.0
 * @category constructors
 */
export const look = (
  option: string | undefined
): Effect.Effect<Overview.Overview, CommandError | StoreError, Scope.Scope> =>
  Effect.flatMap(existing(option), Overview.open)
