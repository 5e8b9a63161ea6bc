/**
 * Statements about tags.
 *
 * @since 0.1.0
 */
import { ImageId } from "effect-contree/Ids"
import * as Columns from "./Columns.js"
import * as Damage from "./Damage.js"
import type { Connection } from "./Database.js"

/**
 * @since 0.1.0
 * @category statements
 */
export const imageExists = (connection: Connection, id: string): boolean =>
  connection.first("SELECT 1 AS found FROM image WHERE id = ?", [id]) !== undefined

/**
 * Gives the tag to the image, whoever had it. False: no such image.
 *
 * @since 0.1.0
 * @category statements
 */
export const set = (connection: Connection, id: string, tag: string): boolean => {
  if (!imageExists(connection, id)) return false
  connection.run(
    "INSERT INTO tag (name, image) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET image = excluded.image",
    [tag, id]
  )
  return true
}

const read = Damage.reader("tag", (row) => Columns.parsed(row, "image", (text) => ImageId.make(text)))

/**
 * @since 0.1.0
 * @category statements
 */
export const find = (connection: Connection, tag: string): ImageId | undefined => {
  const row = connection.first("SELECT name AS id, image FROM tag WHERE name = ?", [tag])
  return row && Damage.orThrow(read(row))
}

/**
 * Takes one tag from the image, or all that it has.
 *
 * @since 0.1.0
 * @category statements
 */
export const remove = (connection: Connection, id: string, tag: string | undefined): "removed" | "no tag" => {
  const removed = tag === undefined
    ? connection.run("DELETE FROM tag WHERE image = ?", [id])
    : connection.run("DELETE FROM tag WHERE image = ? AND name = ?", [id, tag])
  return removed > 0 ? "removed" : "no tag"
}
