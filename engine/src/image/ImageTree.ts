/**
 * An image's file system, read straight from its layers: no mount, no privilege.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { FileItem } from "effect-contree/Wire"
import type * as Stream from "effect/Stream"
import type { PathError } from "./PathError.js"

/**
 * What lies at a path of an image.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry extends FileItem {
  /** the last name of the path, `/` for the root; as in a listing */
  readonly path: string
  /** where it really lies in the image once links are followed: absolute */
  readonly realPath: string
  readonly kind: "file" | "directory" | "symlink" | "fifo" | "socket" | "character" | "block"
}

/**
 * A path is absolute text, or bytes where a name is not UTF-8. It is resolved inside the image alone: `..` stops at its
 * root, and an absolute link starts from there. A name that is not UTF-8 shows with U+FFFD in the place of what cannot
 * be read, and can be asked for in that form as long as only one entry of its folder looks like it.
 *
 * @since 0.1.0
 * @category models
 */
export interface ImageTree {
  /** Follows a link at the end too, unless told otherwise. */
  readonly stat: (
    path: string | Uint8Array,
    options?: { readonly follow?: boolean | undefined }
  ) => Effect.Effect<Entry, PathError>
  /** The entries of a folder in the order of their bytes, links not followed. */
  readonly list: (path: string | Uint8Array) => Effect.Effect<ReadonlyArray<FileItem>, PathError>
  /** Of regular files only. */
  readonly read: (
    path: string | Uint8Array
  ) => Effect.Effect<{ readonly size: number; readonly stream: Stream.Stream<Uint8Array, PathError> }, PathError>
  /** A PAX tar of what lies at the path and below: names from the root of the image, without a leading slash. */
  readonly archive: (path: string | Uint8Array) => Effect.Effect<Stream.Stream<Uint8Array, PathError>, PathError>
}
