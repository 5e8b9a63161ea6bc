/**
 * Why a path of an image cannot be used.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ShortFile } from "./FileBytes.js"

/**
 * - `NotFound`: nothing is there.
 * - `NotADirectory`: a folder is asked for, or gone through, and something else is there.
 * - `IsADirectory`, `NotRegular`: a file's bytes are asked for, and it is a folder, or a device, pipe or socket.
 * - `Loop`: more than 40 links to follow.
 * - `Invalid`: not absolute, empty, or with a NUL; or too long, and then `description` says so.
 * - `Unreadable`: the host refuses to read the layer (a file of mode 000 when the engine is not root), or it is damaged.
 *
 * @since 0.1.0
 * @category errors
 */
export class PathError extends Schema.TaggedError<PathError>("contree-local/PathError")("PathError", {
  reason: Schema.Literal("NotFound", "NotADirectory", "IsADirectory", "NotRegular", "Loop", "Invalid", "Unreadable"),
  path: Schema.String,
  description: Schema.optional(Schema.String)
}) {
  /** One line for a log or an answer. */
  override get message(): string {
    return `${this.reason}: ${this.path}${this.description === undefined ? "" : `: ${this.description}`}`
  }
}

const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return "it cannot be read"
  if (cause instanceof ShortFile) return cause.message
  // A text of Node's has the path of the host.
  return "code" in cause && typeof cause.code === "string" ? `the host answers ${cause.code}` : "it cannot be read"
}

/**
 * From whatever the host's file system throws about this path of an image.
 *
 * @since 0.1.0
 * @category conversions
 */
export const unreadable = (path: string) => (cause: unknown): PathError =>
  cause instanceof PathError ? cause : new PathError({ reason: "Unreadable", path, description: reasonOf(cause) })
