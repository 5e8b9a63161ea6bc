/**
 * What is inside an image. Protocol: sections 2.5 and 3.9.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { open } from "../TriState.js"

/** further from 1970 than that no `Date` can be */
const maxSeconds = 8_640_000_000_000

/**
 * One entry of a folder. `mode` is the whole `st_mode` with the type bits; `mtime` is in seconds since 1970.
 *
 * @since 0.1.0
 * @category inspect
 */
export const FileItem = Schema.Struct({
  size: Schema.JsonNumber,
  path: Schema.String,
  owner: Schema.Union(Schema.String, Schema.JsonNumber),
  group: Schema.Union(Schema.String, Schema.JsonNumber),
  uid: Schema.Int,
  gid: Schema.Int,
  mode: Schema.Int,
  mtime: Schema.JsonNumber.pipe(Schema.between(-maxSeconds, maxSeconds)),
  nlink: Schema.Int,
  is_dir: Schema.Boolean,
  is_regular: Schema.Boolean,
  is_symlink: Schema.Boolean,
  is_socket: Schema.Boolean,
  is_fifo: Schema.Boolean,
  symlink_to: Schema.String
})
/**
 * @since 0.1.0
 * @category inspect
 */
export type FileItem = typeof FileItem.Type

/**
 * @since 0.1.0
 * @category inspect
 */
export const DirectoryList = Schema.Struct({ path: Schema.String, files: Schema.Array(FileItem) })
/**
 * @since 0.1.0
 * @category inspect
 */
export type DirectoryList = typeof DirectoryList.Type

/**
 * One line: `line_number` from 1, offsets in bytes.
 *
 * @since 0.1.0
 * @category inspect
 */
export const GrepMatch = Schema.Struct({
  path: Schema.String,
  line_number: Schema.Int,
  absolute_offset: Schema.JsonNumber,
  line_text: Schema.String,
  line_bytes: Schema.Int,
  submatches: Schema.Array(Schema.Struct({ text: Schema.String, start: Schema.Int, end: Schema.Int })),
  type: open("match", "context")
})

/**
 * @since 0.1.0
 * @category inspect
 */
export const GrepResult = Schema.Struct({
  path: Schema.String,
  patterns: Schema.Array(Schema.String),
  matches: Schema.Array(GrepMatch),
  truncated: Schema.Boolean
})
/**
 * @since 0.1.0
 * @category inspect
 */
export type GrepResult = typeof GrepResult.Type
