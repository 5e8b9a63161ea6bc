/**
 * `contree-local images`: what images there are.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Moment from "../run/Moment.js"
import type { Image } from "../store/Overview.js"
import type { StoreError } from "../store/StoreError.js"
import type { Parsed } from "./Args.js"
import type { CommandError } from "./CommandError.js"
import * as ShortIds from "./ShortIds.js"
import type * as Specs from "./Specs.js"
import * as Stores from "./Stores.js"
import * as Table from "./Table.js"
import * as Terminal from "./Terminal.js"
import * as Text from "./Text.js"

const asJson = (image: Image): Record<string, unknown> => ({
  uuid: image.id,
  tags: image.tags,
  created_at: Moment.iso(image.createdAt),
  size: image.size,
  parent: Option.getOrNull(image.parent),
  made_by: Option.getOrNull(image.madeBy),
  damage: Option.getOrNull(image.damage)
})

/**
 * @since 0.1.0
 * @category rendering
 */
export const table = (
  images: ReadonlyArray<Image>,
  now: { readonly seconds: number },
  look: Pick<Terminal.Look, "width" | "paint">
): string => {
  const short = ShortIds.make(images.flatMap(({ id, parent }) => [id, ...Option.toArray(parent)]))
  return Table.render(
    [
      { title: "ID" },
      { title: "TAGS", flexible: true },
      { title: "AGE", align: "right", spare: 1 },
      { title: "SIZE", align: "right" },
      { title: "PARENT", spare: 2 },
      { title: "MADE BY", flexible: true }
    ],
    images.map((image) => [
      short(image.id),
      image.tags.join(", "),
      Text.span(now.seconds - image.createdAt.seconds),
      Text.bytes(image.size),
      Option.match(image.parent, { onNone: () => "-", onSome: short }),
      [
        ...Option.toArray(Option.map(image.damage, (why) => `(damaged: ${why})`)),
        ...Option.toArray(Option.map(image.madeBy, ({ kind, text }) => kind === "run" ? text : `${kind} ${text}`))
      ].join(" ")
    ]),
    { width: look.width, title: (text) => look.paint("strong", text) }
  )
}

/**
 * @since 0.1.0
 * @category commands
 */
export const main = (
  { options }: Parsed<(typeof Specs.images)["options"]>
): Effect.Effect<number, CommandError | StoreError> =>
  Effect.gen(function*() {
    const overview = yield* Stores.look(options.store)
    const images = [...(yield* overview.images)].reverse()
    const now = { seconds: (yield* Clock.currentTimeMillis) / 1000 }
    yield* Terminal.out(
      options.json
        ? `${JSON.stringify(images.map(asJson), null, 2)}\n`
        : table(images, now, Terminal.look(process.stdout))
    )
    return 0
  }).pipe(Effect.scoped)
