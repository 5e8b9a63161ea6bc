/**
 * Where the store is when nobody says.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"

/**
 * `XDG_DATA_HOME` counts only when it is absolute, as its specification says.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultStore: Effect.Effect<string> = Config.option(Config.string("XDG_DATA_HOME")).pipe(
  Effect.map(Option.filter(isAbsolute)),
  Effect.catchAll(() => Effect.succeed(Option.none<string>())),
  Effect.map(Option.getOrElse(() => join(homedir(), ".local", "share"))),
  Effect.map((base) => join(base, "effect-contree"))
)
