/**
 * `contree-local tree`: which image was made from which, and how.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Image } from "../store/Overview.js"
import type { StoreError } from "../store/StoreError.js"
import type { Parsed } from "./Args.js"
import type { CommandError } from "./CommandError.js"
import * as ShortIds from "./ShortIds.js"
import type * as Specs from "./Specs.js"
import * as Stores from "./Stores.js"
import * as Terminal from "./Terminal.js"
import * as Text from "./Text.js"
import * as TreeLines from "./TreeLines.js"

const originOf = (image: Image, isThere: (id: string) => boolean, short: (id: string) => string): string => {
  const made = Option.match(image.madeBy, {
    onNone: () => "",
    onSome: ({ kind, text }) => kind === "run" ? `$ ${text}` : `${kind} ${text}`
  })
  const gone = Option.filter(image.parent, (parent) => !isThere(parent))
  return [
    ...Option.toArray(Option.map(image.damage, (why) => `(damaged: ${why})`)),
    ...Option.toArray(Option.map(gone, (parent) => `(from ${short(parent)}, removed)`)),
    ...(made === "" ? [] : [made])
  ].join(" ")
}

/**
 * One image a line, a blank line between trees. Ends with a newline where there is an image.
 *
 * @since 0.1.0
 * @category rendering
 */
export const render = (
  images: ReadonlyArray<Image>,
  { paint, width }: Pick<Terminal.Look, "paint" | "width">
): string => {
  const ids = new Set<string>(images.map(({ id }) => id))
  const short = ShortIds.make(ids)
  const nodes = images.map((image) => ({ id: image.id, parent: Option.getOrUndefined(image.parent), image }))
  const trees = TreeLines.draw(nodes).map((lines) =>
    lines.map(({ node: { image }, prefix }) => {
      const id = short(image.id)
      const tags = image.tags.map(Text.oneLine).join(", ")
      const origin = Text.oneLine(originOf(image, (parent) => ids.has(parent), short))
      // an id is whole, whatever the width; what is left goes to the tags first
      const left = Math.max(0, width - Text.columns(prefix) - id.length - 1)
      const shownTags = Text.cut(tags, left)
      const shown = Text.cut(origin, left - (tags === "" ? 0 : Text.columns(shownTags) + 2))
      const parts = [id, ...(tags === "" ? [] : [paint("good", shownTags)])].join(" ")
      const space = tags === "" ? " " : "  "
      return `${paint("faint", prefix)}${parts}${shown === "" ? "" : `${space}${paint("faint", shown)}`}\n`
    }).join("")
  )
  return trees.join("\n")
}

/**
 * @since 0.1.0
 * @category commands
 */
export const main = (
  { options }: Parsed<(typeof Specs.tree)["options"]>
): Effect.Effect<number, CommandError | StoreError> =>
  Effect.gen(function*() {
    const overview = yield* Stores.look(options.store)
    yield* Terminal.out(render(yield* overview.images, Terminal.look(process.stdout)))
    return 0
  }).pipe(Effect.scoped)
