/**
 * `contree-local doctor`: can boxes run here?
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Doctor from "../doctor/Doctor.js"
import type { Parsed } from "./Args.js"
import type * as Specs from "./Specs.js"
import * as Stores from "./Stores.js"
import * as Terminal from "./Terminal.js"

/**
 * The exit code: 1 when something is missing.
 *
 * @since 0.1.0
 * @category commands
 */
export const main = ({ options }: Parsed<(typeof Specs.doctor)["options"]>): Effect.Effect<number> =>
  Effect.gen(function*() {
    const checks = yield* Doctor.check({ store: yield* Stores.pathOf(options.store) })
    yield* Terminal.out(Doctor.render(checks))
    return checks.some((check) => check.status === "failed") ? 1 : 0
  })
