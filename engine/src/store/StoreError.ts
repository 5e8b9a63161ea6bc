/**
 * What can go wrong between the engine and its folder on disk.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The store could not do what was asked; nothing of it is visible.
 *
 * - `DiskFull`: no space, or no quota, left where the store is.
 * - `Unusable`: the disk or the database refuses: input/output errors, permissions, a damaged file.
 * - `Damaged`: one row holds what no engine writes, or the folder of a layer is gone; all else in the store works.
 * - `Busy`: another process kept the database locked for longer than five seconds.
 * - `Missing`: a row or a folder that the call needs is not there.
 * - `Aborted`: the caller's own part of the transaction threw; `cause` is what it threw.
 *
 * @since 0.1.0
 * @category errors
 */
export class StoreError extends Schema.TaggedError<StoreError>("contree-local/StoreError")("StoreError", {
  reason: Schema.Literal("DiskFull", "Unusable", "Damaged", "Busy", "Missing", "Aborted"),
  description: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {
  /** One line for a log. */
  override get message(): string {
    return `${this.reason}: ${this.description}`
  }
}

/**
 * An upload went over its limit; what had arrived of it is removed.
 *
 * @since 0.1.0
 * @category errors
 */
export class UploadTooLarge extends Schema.TaggedError<UploadTooLarge>("contree-local/UploadTooLarge")(
  "UploadTooLarge",
  { maxBytes: Schema.Number }
) {
  /** One line for a log. */
  override get message(): string {
    return `the upload has more than ${this.maxBytes} bytes: raise maxUploadBytes, or send it in parts`
  }
}

const advice = {
  DiskFull: "free some space where the store is, or choose another folder for it",
  Unusable: "check the disk and who owns the folder of the store",
  Busy: "another process holds the database: try again"
} as const

const codeOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return ""
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : ""
  // Errors of opening carry the number in the text alone.
  return code === "" && /database or disk is full/.test(cause.message) ? "SQLITE_FULL" : code
}

const maxText = 500

/** It may be shown to callers of the server: without the paths of the host, which Node puts last in its texts. */
const textOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause).slice(0, maxText)
  const text = "syscall" in cause ? cause.message.split(" '")[0] ?? "" : cause.message
  return text.slice(0, maxText)
}

/**
 * A failure of the file system or of SQLite, as a `StoreError`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromCause = (doing: string) => (cause: unknown): StoreError => {
  if (cause instanceof StoreError) return cause
  const code = codeOf(cause)
  const reason = code === "ENOSPC" || code === "EDQUOT" || code === "SQLITE_FULL"
    ? "DiskFull"
    : code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")
    ? "Busy"
    : "Unusable"
  return new StoreError({ reason, description: `${doing}: ${textOf(cause)}; ${advice[reason]}`, cause })
}

const literally = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")

/**
 * The same words without paths of the host: where the store lies is nobody's business but its owner's, who finds it in
 * the log. That of the store is known, and may have spaces; of others the words say where they end.
 *
 * @since 0.1.0
 * @category conversions
 */
export const withoutPaths = (text: string, store: string): string =>
  text
    .replace(new RegExp(`${literally(store)}(?![\\w-])`, "g"), "(the store)")
    // of Node's own texts: the call and what it was called with
    .replace(/,? \w+ '(\/|\(the store\))[^']*'( -> '[^']*')?/g, "")
    .replace(/(^|[\s"'`(=:,])\/(?!\/)[^\s"'`():;,]+/g, "$1(a path of the engine's)")
