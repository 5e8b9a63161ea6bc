/**
 * The two folders that an overlay writes to.
 *
 * @since 0.1.0
 */
import type { OperationId } from "effect-contree/Ids"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { chmodSync, chownSync, lstatSync, mkdirSync } from "node:fs"
import type { ImageStore } from "./ImageStore.js"
import type { OperationStore } from "./OperationStore.js"
import { isRoot } from "./Privilege.js"
import type { Scratch } from "./Scratch.js"
import type { StoreError } from "./StoreError.js"
import { fromCause } from "./StoreError.js"

interface Parts {
  readonly path: string
  readonly images: ImageStore
  readonly operations: OperationStore
  readonly scratch: Scratch
}

/** The upper's own root is what a box sees as `/`: it looks as the image's does, or a run would change the image. */
const likeRoot = (upper: string, layer: string | undefined): void => {
  const like = layer === undefined ? undefined : lstatSync(layer)
  if (like !== undefined && isRoot()) chownSync(upper, like.uid, like.gid)
  chmodSync(upper, (like?.mode ?? 0o755) & 0o7777)
}

const topLayer = (parts: Parts, operation: OperationId): Effect.Effect<string | undefined, StoreError> =>
  Effect.gen(function*() {
    const row = Option.getOrUndefined(yield* parts.operations.get(operation))
    if (row === undefined || row.imageId === null) return undefined
    const layers = yield* parts.images.layers(row.imageId)
    return `${parts.path}/${layers[layers.length - 1]}`
  })

/**
 * See `Store.workspace`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (parts: Parts) =>
(operation: OperationId): Effect.Effect<
  { readonly upper: string; readonly work: string },
  StoreError,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const top = yield* topLayer(parts, operation)
    const path = yield* parts.scratch.reserve(operation)
    yield* Effect.try({
      try: () => {
        mkdirSync(path, { mode: 0o700 })
        mkdirSync(`${path}/w`, { mode: 0o700 })
        mkdirSync(`${path}/u`)
        likeRoot(`${path}/u`, top)
      },
      catch: fromCause(`making the folders of the operation ${operation}`)
    })
    return { upper: `tmp/${operation}/u`, work: `tmp/${operation}/w` }
  })
