/**
 * How the upper folder of a run becomes a layer, and the layer an image. The folder's rename and the rows are one step
 * under the database's write lock. What is committed survives the death of every process; for the death of the machine
 * no more is promised than the file system gives, since waiting for the disk would cost each run more than all the rest.
 *
 * @since 0.1.0
 */
import { ImageId } from "effect-contree/Ids"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { randomUUID } from "node:crypto"
import { existsSync, rmSync, writeFileSync } from "node:fs"
import type { Bytes } from "../image/HostBytes.js"
import { fromText } from "../image/HostBytes.js"
import * as Flat from "../image/Flat.js"
import * as Layer from "../image/Layer.js"
import * as MergedTree from "../image/MergedTree.js"
import * as Upper from "../image/Upper.js"
import * as Columns from "./Columns.js"
import type { Connection, Database } from "./Database.js"
import * as ImageRows from "./ImageRows.js"
import type { CommitInput, ImageRow } from "./ImageStore.js"
import { move } from "./Scratch.js"
import { fromCause, StoreError } from "./StoreError.js"
import * as TagRows from "./TagRows.js"
import * as Transaction from "./Transaction.js"

interface Parent {
  readonly row: ImageRow
  readonly layers: ReadonlyArray<string>
}

/** what looking at the upper showed */
interface Seen {
  readonly opaque: ReadonlyArray<Bytes>
  readonly unchanged: boolean
  readonly size: number
}

const noImage = (id: string): StoreError =>
  new StoreError({ reason: "Missing", description: `the image ${id} that this one starts from is not in the store` })

const findParent = (store: string, database: Database, id: ImageId): Effect.Effect<Parent, StoreError> =>
  database.read(`reading the image ${id}`, (connection) => {
    const row = Option.getOrUndefined(ImageRows.find(connection, id))
    const layers = ImageRows.layers(connection, store, id)
    if (row === undefined || layers === undefined) throw noImage(id)
    return { row, layers }
  })

const look = (store: string, upper: string, parent: Parent | undefined): Effect.Effect<Seen, StoreError> =>
  Effect.gen(function*() {
    if (parent === undefined) return { opaque: [], unchanged: false, size: yield* Upper.size(upper) }
    const below = yield* Effect.try({
      try: () => MergedTree.root(parent.layers.map((layer) => Layer.load(store, layer))),
      catch: fromCause("reading the layers below")
    })
    const opaque = yield* Upper.opaqueFolders(upper, below)
    const unchanged = yield* Upper.isUnchanged(upper, { root: fromText(upper), opaque: new Set(opaque) }, below)
    return { opaque, unchanged, size: unchanged ? 0 : yield* Upper.size(upper) }
  })

/**
 * An image of more layers becomes one of a single layer. The cost of a run grows with their number, and so does that of
 * making one of them.
 *
 * @since 0.1.0
 * @category limits
 */
export const maxLayers = 24

/** All layers and the upper as one folder, beside the upper; none while there are few enough, or where it cannot be. */
const flatten = (
  store: string,
  upper: string,
  parent: Parent | undefined,
  seen: Seen
): Effect.Effect<Option.Option<string>> => {
  if (parent === undefined || seen.unchanged || parent.layers.length < maxLayers) return Effect.succeedNone
  const layers = [
    ...parent.layers.map((layer) => Layer.load(store, layer)),
    { root: fromText(upper), opaque: new Set(seen.opaque) }
  ]
  return Flat.make(layers, `${upper}-flat`).pipe(
    // a longer chain serves as well
    Effect.catchAll((error) => Effect.as(Effect.logWarning(error.message), Option.none()))
  )
}

/** Moves the folder to its place among the layers; a failure of the transaction moves it back. */
const addLayer = (connection: Connection, store: string, upper: string, seen: Seen): number => {
  const number = Columns.number(
    connection.all("INSERT INTO layer (size) VALUES (?) RETURNING id", [seen.size])[0] ?? {},
    "id"
  )
  const folder = `${store}/${ImageRows.layerPath(number)}`
  const list = Layer.opaqueFile(folder)
  // Of somebody who died before the end of a transaction: nobody else can be in one now, and no row has this number.
  for (const stale of [folder, list]) {
    if (existsSync(stale)) move(stale, `${store}/tmp/trash-${randomUUID()}`)
  }
  connection.onRollback(() => rmSync(list, { force: true }))
  if (seen.opaque.length > 0) writeFileSync(list, Layer.encodeOpaque(seen.opaque), { mode: 0o600 })
  move(upper, folder)
  connection.onRollback(() => move(folder, upper))
  return number
}

const sameEnv = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean =>
  JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort())

const finish = (input: Pick<CommitInput, "finish">, image: ImageId, size: number, connection: Connection): void => {
  try {
    input.finish(image, size, Transaction.make(connection))
  } catch (cause) {
    // A failing database is its own reason; anything else is the caller's.
    const known = fromCause("finishing the operation")(cause)
    if (known.reason !== "Unusable" || (cause instanceof Error && "code" in cause)) throw known
    throw new StoreError({ reason: "Aborted", description: "the operation took its commit back", cause })
  }
}

const endWith = (
  input: Pick<CommitInput, "tag" | "finish">,
  image: ImageId,
  size: number,
  connection: Connection
): ImageId => {
  Option.map(input.tag, (tag) => TagRows.set(connection, image, tag))
  finish(input, image, size, connection)
  return image
}

/**
 * See `ImageStore.reuse`.
 *
 * @since 0.1.0
 * @category committing
 */
export const reuse = (
  store: string,
  database: Database,
  id: ImageId,
  input: Pick<CommitInput, "tag" | "finish">
): Effect.Effect<boolean, StoreError> =>
  database.write("ending an operation with an image", (connection) => {
    if (!ImageRows.isWhole(connection, store, id)) return false
    endWith(input, id, 0, connection)
    return true
  })

/**
 * See `ImageStore.commit`.
 *
 * @since 0.1.0
 * @category committing
 */
export const commit = (
  store: string,
  database: Database,
  input: CommitInput,
  created: number
): Effect.Effect<ImageId, StoreError> =>
  Effect.gen(function*() {
    const upper = `${store}/${input.upper}`
    const parent = input.parent === null ? undefined : yield* findParent(store, database, input.parent)
    const seen = yield* look(store, upper, parent)
    const flat = yield* flatten(store, upper, parent, seen)
    return yield* database.write("committing an image", (connection) => {
      const below = parent === undefined ? [] : ImageRows.layerNumbers(connection, parent.row.id)
      if (below === undefined) throw noImage(parent?.row.id ?? "")
      const conclude = (image: ImageId): ImageId => endWith(input, image, seen.size, connection)
      if (parent !== undefined && seen.unchanged && sameEnv(parent.row.env, input.env)) return conclude(parent.row.id)
      const id = input.id ?? ImageId.make(randomUUID())
      if (input.id !== undefined && ImageRows.isWhole(connection, store, id)) return conclude(id)
      const layers = seen.unchanged ? below : Option.match(flat, {
        onNone: () => [...below, addLayer(connection, store, upper, seen)],
        onSome: (folder) => [addLayer(connection, store, folder, { ...seen, opaque: [] })]
      })
      ImageRows.insert(connection, {
        id,
        parent: input.parent,
        operationId: input.operationId,
        created,
        env: input.env,
        cwd: input.cwd ?? parent?.row.cwd ?? "",
        layers
      })
      return conclude(id)
    })
  })
