/**
 * What is told of an image and of what is in it. Public as types of `Image`.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import type { Path } from "@effect/platform/Path"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type { Inspectable } from "effect/Inspectable"
import type * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import type * as Stream from "effect/Stream"
import type * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type { DownloadDirectoryOptions, DownloadOptions } from "./ImageOptions.js"

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
 * What a listing says of something in a folder.
 *
 * @since 0.1.0
 * @category models
 */
export interface EntryInfo extends Pipeable, Inspectable {
  /** as the platform's `FileSystem` calls it; it tells sockets, FIFOs and devices apart */
  readonly type: FileSystem.File.Type
  readonly name: string
  /** absolute, in the image */
  readonly path: string
  /** in bytes */
  readonly size: bigint
  /** the permission bits alone */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** the name, or the number where the image has no name for it */
  readonly owner: string
  /** the name, or the number where the image has no name for it */
  readonly group: string
  readonly mtime: DateTime.Utc
  /** how many names it has */
  readonly nlink: number
  /** of a symbolic link, as it stands there */
  readonly symlinkTo: Option.Option<string>
}

/**
 * Anything but a folder. `Symlink`: to a file, a folder or nothing; reading it reads what it points to. `Other`: a device,
 * a socket or a FIFO, which cannot be read.
 *
 * Its methods read the image that was listed, also when that was looked up by a tag that has moved on.
 *
 * @since 0.1.0
 * @category models
 */
export interface ImageFile extends EntryInfo {
  readonly _tag: "File" | "Symlink" | "Other"
  /** as `Image.read` */
  readonly read: Effect.Effect<Uint8Array, Errors.ReadError>
  /** as `Image.readText` */
  readonly readText: (encoding?: string) => Effect.Effect<string, Errors.ReadError>
  /** as `Image.readStream` */
  readonly readStream: Stream.Stream<Uint8Array, Errors.ReadError>
  /** as `Image.download` */
  readonly download: (
    options?: DownloadOptions
  ) => Effect.Effect<string, Errors.ReadError | PlatformError, FileSystem.FileSystem | Path>
}

/**
 * A folder of an image; a symbolic link to one is an `ImageFile`.
 *
 * Its methods read the image that was listed, also when that was looked up by a tag that has moved on.
 *
 * @since 0.1.0
 * @category models
 */
export interface ImageDirectory extends EntryInfo {
  readonly _tag: "Directory"
  /** what is in it, or in a folder below it */
  readonly ls: (sub?: string) => Effect.Effect<ReadonlyArray<Entry>, Errors.ReadError>
  /** as `Image.downloadDirectory` */
  readonly downloadDirectory: (
    options: DownloadDirectoryOptions
  ) => Effect.Effect<string, Errors.ReadError | PlatformError, FileSystem.FileSystem | Path>
}

/**
 * Something in a folder.
 *
 * @since 0.1.0
 * @category models
 */
export type Entry = ImageFile | ImageDirectory

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
 * A part of a line that matched, from `start` to before `end`: bytes of the line, not characters.
 *
 * @since 0.1.0
 * @category models
 */
export interface GrepSubmatch {
  readonly text: string
  readonly start: number
  readonly end: number
}

/**
 * One line: `lineNumber` from 1, `lineText` with its newline. `absoluteOffset`: where it begins in the file, in bytes;
 * `lineBytes`: how long it is there, which `lineText` cannot say of what is no UTF-8. A line of context has no
 * `submatches`.
 *
 * @since 0.1.0
 * @category models
 */
export interface GrepMatch {
  readonly path: string
  readonly lineNumber: number
  readonly absoluteOffset: number
  readonly lineText: string
  readonly lineBytes: number
  readonly submatches: ReadonlyArray<GrepSubmatch>
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
  /** as they were asked for */
  readonly patterns: ReadonlyArray<string>
  readonly matches: ReadonlyArray<GrepMatch>
  readonly truncated: boolean
}
