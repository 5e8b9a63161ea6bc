/**
 * Statements about images.
 *
 * @since 0.1.0
 */
import { ImageId, OperationId } from "effect-contree/Ids"
import * as Option from "effect/Option"
import * as Columns from "./Columns.js"
import type { Connection, Row } from "./Database.js"
import * as Filter from "./Filter.js"
import type { ImageQuery, ImageRow } from "./ImageStore.js"

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
  Option.map(Option.fromNullable(Columns.textOrNull(row, column)), make)

const tagsOf = (connection: Connection, id: string): ReadonlyArray<string> =>
  connection.all("SELECT name FROM tag WHERE image = ? ORDER BY name", [id]).map((row) => Columns.text(row, "name"))

const decode = (connection: Connection, row: Row): ImageRow => {
  const id = ImageId.make(Columns.text(row, "id"))
  return {
    id,
    parent: optional(row, "parent", (text) => ImageId.make(text)),
    operationId: optional(row, "operation", (text) => OperationId.make(text)),
    createdAt: Columns.timestamp(row, "created"),
    tags: tagsOf(connection, id),
    env: JSON.parse(Columns.text(row, "env")) as Record<string, string>,
    cwd: Columns.text(row, "cwd")
  }
}

/**
 * @since 0.1.0
 * @category statements
 */
export const find = (connection: Connection, id: string): Option.Option<ImageRow> =>
  Option.map(
    Option.fromNullable(connection.first("SELECT * FROM image WHERE id = ?", [id])),
    (row) => decode(connection, row)
  )

/**
 * @since 0.1.0
 * @category statements
 */
export const list = (
  connection: Connection,
  query: ImageQuery
): ReadonlyArray<{ readonly row: ImageRow; readonly tag: string | null }> => {
  const prefix = query.tagPrefix
  const filter = Filter.where([
    ["image.id = ?", query.id],
    // Not LIKE: it has signs of its own, and ignores case.
    ["instr(tag.name, ?) = 1", prefix],
    ...Filter.span("image.created", query)
  ])
  const join = query.tagged === true || prefix !== undefined ? "JOIN" : "LEFT JOIN"
  return connection.all(
    `SELECT image.*, tag.name AS tag FROM image ${join} tag ON tag.image = image.id ${filter.sql} ` +
      "ORDER BY image.created DESC, image.seq DESC, tag.name LIMIT ? OFFSET ?",
    [...filter.values, query.limit, query.offset]
  ).map((row) => ({ row: decode(connection, row), tag: Columns.textOrNull(row, "tag") }))
}

const numbers = (row: Row): ReadonlyArray<number> => JSON.parse(Columns.text(row, "layers")) as ReadonlyArray<number>

/**
 * The numbers of an image's layers, bottom first.
 *
 * @since 0.1.0
 * @category statements
 */
export const layerNumbers = (connection: Connection, id: string): ReadonlyArray<number> | undefined => {
  const row = connection.first("SELECT layers FROM image WHERE id = ?", [id])
  return row && numbers(row)
}

/**
 * Where a layer is, relative to the store: short, since a mount's options must fit a page.
 *
 * @since 0.1.0
 * @category paths
 */
export const layerPath = (number: number): string => `l/${number.toString(36)}`

/**
 * @since 0.1.0
 * @category statements
 */
export const layers = (connection: Connection, id: string): ReadonlyArray<string> | undefined =>
  layerNumbers(connection, id)?.map(layerPath)

/**
 * @since 0.1.0
 * @category statements
 */
export const insert = (connection: Connection, image: NewImage): void => {
  connection.run(
    "INSERT INTO image (id, parent, operation, created, env, cwd, layers) VALUES (?, ?, ?, ?, ?, ?, ?)",
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
