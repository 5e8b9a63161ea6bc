/**
 * `contree-local gc`: removes what nobody has a name for and nobody used for a while.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { readable } from "../box/ShellText.js"
import type { EngineError } from "../EngineError.js"
import type { Collected } from "../store/Collect.js"
import { defaultKeepFor } from "../store/Collect.js"
import * as Store from "../store/Store.js"
import type { StoreError } from "../store/StoreError.js"
import type { Parsed } from "./Args.js"
import type { CommandError } from "./CommandError.js"
import type * as Specs from "./Specs.js"
import * as Stores from "./Stores.js"
import * as Terminal from "./Terminal.js"
import * as Text from "./Text.js"

const counted = (count: number, one: string, many: string): ReadonlyArray<string> =>
  count === 0 ? [] : [`${count} ${count === 1 ? one : many}`]

/**
 * What went, in a line.
 *
 * @since 0.1.0
 * @category rendering
 */
export const report = (collected: Collected, dryRun: boolean): string => {
  const { blobs, bytes, files, images, layers, operations } = collected
  const parts = [
    ...counted(images, "image", "images"),
    ...counted(layers, "layer", "layers"),
    ...counted(operations, "operation", "operations"),
    ...counted(files, "uploaded file", "uploaded files"),
    ...counted(blobs, "blob of a registry", "blobs of registries")
  ]
  if (parts.length === 0) return `nothing ${dryRun ? "would go" : "to remove"}\n`
  return `${dryRun ? "would remove" : "removed"} ${parts.join(", ")}: up to ${Text.bytes(bytes)}\n`
}

/**
 * Why layers stayed, a line for each image that may need them.
 *
 * @since 0.1.0
 * @category rendering
 */
export const warnings = ({ damaged }: Collected, store: string): ReadonlyArray<string> =>
  damaged.length === 0 ? [] : [
    ...damaged.map(({ description }) => description),
    "any layer may be one of theirs, so every layer stays. To give them up: sqlite3 " +
    `${readable(`${store}/contree.db`)} 'DELETE FROM image WHERE seq IN (${damaged.map(({ row }) => row).join(", ")})'`
  ]

/**
 * @since 0.1.0
 * @category commands
 */
export const main = (
  { options }: Parsed<(typeof Specs.gc)["options"]>
): Effect.Effect<number, CommandError | StoreError | EngineError> =>
  Effect.gen(function*() {
    const path = yield* Stores.existing(options.store)
    const store = yield* Store.open({ path, images: [] })
    const keepFor = options.keepFor === undefined ? defaultKeepFor : Duration.seconds(options.keepFor)
    const collected = yield* store.collect({ keepFor, dryRun: options.dryRun })
    yield* Effect.forEach(warnings(collected, path), Terminal.say, { discard: true })
    yield* Terminal.out(options.json ? `${JSON.stringify(collected)}\n` : report(collected, options.dryRun))
    return 0
  }).pipe(Effect.scoped)
