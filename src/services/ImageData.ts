/**
 * What is told of an image and of what is in it. Public as types of `Image`.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as DateTime from "effect/DateTime"
import type * as Option from "effect/Option"
import type * as Ids from "../schemas/Ids.js"

/**
 * What the service knows of an image. `operationId`: what made it; none for one that came from elsewhere.
 *
 * @since 0.1.0
 * @category models
 */
export interface Info {
  readonly id: Ids.ImageId
  readonly tag: Option.Option<Ids.Tag>
  readonly createdAt: Option.Option<DateTime.Utc>
  readonly operationId: Option.Option<Ids.OperationId>
}

/**
 * Something in a folder. `path` is absolute; `mode` holds the permission bits alone; `Other` is a device, a socket or a
 * FIFO.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry {
  readonly _tag: "File" | "Directory" | "Symlink" | "Other"
  readonly name: string
  readonly path: string
  readonly size: bigint
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly owner: string
  readonly group: string
  readonly mtime: DateTime.Utc
  readonly symlinkTo: Option.Option<string>
}

/**
 * @since 0.1.0
 * @category options
 */
export interface GrepOptions {
  /** where to look; default `/` */
  readonly path?: string | NonEmptyReadonlyArray<string> | undefined
  /** which files; a leading `!` leaves out */
  readonly glob?: ReadonlyArray<string> | undefined
  /** matching lines a file */
  readonly maxCount?: number | undefined
  /** matching lines in all; default: 1000 */
  readonly maxTotal?: number | undefined
  /** default: sensitive */
  readonly case?: "sensitive" | "insensitive" | "smart" | undefined
  /** lines of context */
  readonly before?: number | undefined
  /** lines of context */
  readonly after?: number | undefined
}

/**
 * One line: `lineNumber` from 1, `lineText` with its newline.
 *
 * @since 0.1.0
 * @category models
 */
export interface GrepMatch {
  readonly path: string
  readonly lineNumber: number
  readonly lineText: string
  readonly type: "match" | "context"
}

/**
 * `truncated`: there was more than `maxTotal`, or than the server had time for.
 *
 * @since 0.1.0
 * @category models
 */
export interface GrepResult {
  readonly path: string
  readonly matches: ReadonlyArray<GrepMatch>
  readonly truncated: boolean
}
