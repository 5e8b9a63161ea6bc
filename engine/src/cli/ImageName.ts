/**
 * An image of the store by what a person calls it.
 *
 * @since 0.1.0
 */
import type { ImageId } from "effect-contree/Ids"
import * as Reference from "effect-contree/Reference"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { readable } from "../box/ShellText.js"
import * as Overview from "../store/Overview.js"
import type { Store } from "../store/Store.js"
import type { StoreError } from "../store/StoreError.js"
import type { CommandError } from "./CommandError.js"
import { commandError } from "./CommandError.js"

/** The tags that it may mean, the likeliest first: as written, and as images of registries are tagged. */
const tagsOf = (name: string): ReadonlyArray<string> => {
  const asWritten = name.startsWith("tag:") ? name.slice("tag:".length) : name
  const derived = Option.flatMap(Either.getRight(Reference.parse(name)), Reference.toTag)
  return [...new Set([asWritten, ...Option.toArray(derived)])]
}

/**
 * Whether a name is one of the image that the engine builds itself: any other one does without a busybox on the host.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isBusybox = (name: string): boolean =>
  tagsOf(name).some((tag) => tag === "busybox" || tag === "busybox:latest")

/** shorter ones are more likely the name of something */
const beginning = /^[0-9a-f][0-9a-f-]{5,35}$/

const byId = (store: Store, name: string): Effect.Effect<Option.Option<ImageId>, CommandError | StoreError> =>
  Effect.gen(function*() {
    const prefix = name.toLowerCase()
    if (!beginning.test(prefix)) return Option.none()
    const overview = yield* Overview.open(store.path)
    const [first, second] = yield* overview.beginning(prefix)
    return second === undefined
      ? Option.fromNullable(first)
      : yield* commandError(`several images have an id that begins with ${name}: write more of it`)
  }).pipe(Effect.scoped)

/**
 * By tag, else by id or its beginning. Fails with advice where the store has no such image.
 *
 * @since 0.1.0
 * @category lookup
 */
export const resolve = (store: Store, name: string): Effect.Effect<ImageId, CommandError | StoreError> =>
  Effect.gen(function*() {
    for (const tag of tagsOf(name)) {
      const found = yield* store.images.findByTag(tag)
      if (Option.isSome(found)) return found.value
    }
    const found = yield* byId(store, name)
    if (Option.isSome(found)) return found.value
    const fromRegistry = Option.exists(Either.getRight(Reference.parse(name)), ({ _tag }) => _tag === "Oci")
    return yield* commandError(
      `the store ${store.path} has no image ${readable(name)}.\n\`contree-local images\` lists those it has` +
        (fromRegistry ? `; contree-local import ${readable(name)} brings it from its registry` : "")
    )
  })
