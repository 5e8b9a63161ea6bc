/**
 * Statements about images.
 *
 * @since 0.1.0
 */
import { ImageId, OperationId } from "effect-contree/Ids"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { lstatSync } from "node:fs"
import * as Columns from "./Columns.js"
import * as Damage from "./Damage.js"
import type { Connection, Row } from "./Database.js"
import * as Filter from "./Filter.js"
import type { ImageQuery, ImageRow } from "./ImageStore.js"
import { StoreError } from "./StoreError.js"

/**
 * What to write down for a new image. `layers` are the numbers of its layers, bottom first.
 *
 * @since 0.1.0
 * @category models
 */
export interface NewImage {
  readonly id: ImageId
  readonly parent: ImageId | null
  readonly operationId: OperationId | null
  readonly created: number
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly layers: ReadonlyArray<number>
}

const optional = <A>(row: Row, column: string, make: (text: string) => A): Option.Option<A> =>
  Option.fromNullable(Columns.parsedOrNull(row, column, make))

const tagsOf = (connection: Connection, id: string): ReadonlyArray<string> =>
  connection.all("SELECT name FROM tag WHERE image = ? ORDER BY name", [id]).map((row) => Columns.text(row, "name"))

const parseEnv = (json: string): Readonly<Record<string, string>> | undefined => {
  const value: unknown = JSON.parse(json)
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined
  const entries = Object.entries(value)
  return entries.every((entry): entry is [string, string] => typeof entry[1] === "string")
    ? Object.fromEntries(entries)
    : undefined
}

const isLayer = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0

const parseLayers = (json: string): ReadonlyArray<number> | undefined => {
  const value: unknown = JSON.parse(json)
  return Array.isArray(value) && value.length > 0 && value.every(isLayer) ? value : undefined
}

/**
 * The numbers of the layers of an image, of its row.
 *
 * @since 0.1.0
 * @category reading
 */
export const layersOf = (row: Row): ReadonlyArray<number> => Columns.parsed(row, "layers", parseLayers)

/**
 * @since 0.1.0
 * @category reading
 */
export const idOf = (row: Row): ImageId => Columns.parsed(row, "id", (text) => ImageId.make(text))

/**
 * A row as it is in its table: without tags, and with the numbers of its layers, bottom first.
 *
 * @since 0.1.0
 * @category models
 */
export interface Bare extends Omit<ImageRow, "tags"> {
  readonly layers: ReadonlyArray<number>
}

/**
 * The one place where a row of an image is read.
 *
 * @since 0.1.0
 * @category reading
 */
export const read: (row: Row) => Either.Either<Bare, Damage.Damage> = Damage.reader("image", (row) => ({
  id: idOf(row),
  parent: optional(row, "parent", (text) => ImageId.make(text)),
  operationId: optional(row, "operation", (text) => OperationId.make(text)),
  createdAt: Columns.timestamp(row, "created"),
  env: Columns.parsed(row, "env", parseEnv),
  cwd: Columns.text(row, "cwd"),
  layers: layersOf(row)
}))

const bare = (connection: Connection, id: string): Bare | undefined => {
  const row = connection.first("SELECT * FROM image WHERE id = ?", [id])
  return row && Damage.orThrow(read(row))
}

const withTags = (connection: Connection, { layers: _, ...row }: Bare): ImageRow => ({
  ...row,
  tags: tagsOf(connection, row.id)
})

/**
 * @since 0.1.0
 * @category statements
 */
export const find = (connection: Connection, id: string): Option.Option<ImageRow> =>
  Option.map(Option.fromNullable(bare(connection, id)), (row) => withTags(connection, row))

/**
 * @since 0.1.0
 * @category statements
 */
export const list = (
  connection: Connection,
  query: ImageQuery
): Damage.Page<{ readonly row: ImageRow; readonly tag: string | null }> => {
  const prefix = query.tagPrefix
  const filter = Filter.where([
    ["image.id = ?", query.id],
    // Not LIKE: it has signs of its own, and ignores case.
    ["instr(tag.name, ?) = 1", prefix],
    ...Filter.span("image.created", query)
  ])
  const join = query.tagged === true || prefix !== undefined ? "JOIN" : "LEFT JOIN"
  const sql = `SELECT image.*, tag.name AS tag FROM image ${join} tag ON tag.image = image.id ${filter.sql} ` +
    "ORDER BY image.created DESC, image.seq DESC, tag.name LIMIT ? OFFSET ?"
  return Damage.page(
    query,
    (limit, offset) => connection.all(sql, [...filter.values, limit, offset]),
    (row) =>
      Either.map(read(row), (image) => ({ row: withTags(connection, image), tag: Columns.textOrNull(row, "tag") }))
  )
}

/**
 * The numbers of an image's layers, bottom first.
 *
 * @since 0.1.0
 * @category statements
 */
export const layerNumbers = (connection: Connection, id: string): ReadonlyArray<number> | undefined =>
  bare(connection, id)?.layers

/**
 * Where a layer is, relative to the store: short, since a mount's options must fit a page.
 *
 * @since 0.1.0
 * @category paths
 */
export const layerPath = (number: number): string => `l/${number.toString(36)}`

const isFolder = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/**
 * Where the layers of an image are, relative to the store, bottom first. Throws where one of them is not there: what is
 * read without it would be another image.
 *
 * @since 0.1.0
 * @category statements
 */
export const layers = (connection: Connection, store: string, id: string): ReadonlyArray<string> | undefined => {
  const paths = layerNumbers(connection, id)?.map(layerPath)
  const gone = paths?.find((path) => !isFolder(`${store}/${path}`))
  if (gone === undefined) return paths
  // The collection of garbage takes the row before the folder.
  if (connection.first("SELECT 1 AS found FROM image WHERE id = ?", [id]) === undefined) return undefined
  throw Damage.toError({ what: "image", name: id, why: `its layer ${gone} is not there` })
}

/**
 * Whether an image is there with all that it is made of.
 *
 * @since 0.1.0
 * @category statements
 */
export const isWhole = (connection: Connection, store: string, id: string): boolean => {
  try {
    return layers(connection, store, id) !== undefined
  } catch (cause) {
    if (cause instanceof StoreError && cause.reason === "Damaged") return false
    throw cause
  }
}

/**
 * Takes the place of one of this id, with the tags that it has.
 *
 * @since 0.1.0
 * @category statements
 */
export const insert = (connection: Connection, image: NewImage): void => {
  connection.run(
    "INSERT INTO image (id, parent, operation, created, env, cwd, layers) VALUES (?, ?, ?, ?, ?, ?, ?) " +
      "ON CONFLICT (id) DO UPDATE SET parent = excluded.parent, operation = excluded.operation, " +
      "created = excluded.created, env = excluded.env, cwd = excluded.cwd, layers = excluded.layers",
    [
      image.id,
      image.parent,
      image.operationId,
      image.created,
      JSON.stringify(image.env),
      image.cwd,
      JSON.stringify(image.layers)
    ]
  )
}
