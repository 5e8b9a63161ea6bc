/**
 * Why an image could not be imported. Its description becomes the `error` of the operation: it names what was asked, what
 * came back, and what to do; it never has a credential in it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { Bytes } from "../image/HostBytes.js"
import { toText } from "../image/HostBytes.js"

/**
 * - `Unreachable`: the registry did not answer, broke off each time, or answered with a failure of its own.
 * - `Refused`: the registry wants other credentials, or some.
 * - `NotFound`: there is no such image, tag, digest or file.
 * - `BadContent`: bytes are not what their digest or size says, or no image.
 * - `Unsupported`: a form of image that the engine does not read, or one for another machine.
 * - `TooLarge`: more bytes or entries than an image may have.
 * - `NotAllowed`: the engine's options do not permit it.
 *
 * @since 0.1.0
 * @category errors
 */
export class ImportError extends Schema.TaggedError<ImportError>("contree-local/ImportError")("ImportError", {
  reason: Schema.Literal("Unreachable", "Refused", "NotFound", "BadContent", "Unsupported", "TooLarge", "NotAllowed"),
  description: Schema.String
}) {
  /** One line for the operation, a log or a terminal. */
  override get message(): string {
    return this.description
  }
}

/**
 * @since 0.1.0
 * @category models
 */
export type Reason = ImportError["reason"]

/**
 * @since 0.1.0
 * @category constructors
 */
export const importError = (reason: Reason, description: string): ImportError =>
  new ImportError({ reason, description })

/**
 * What another party wrote, for one line of ours: short, and without what moves a terminal's cursor.
 *
 * @since 0.1.0
 * @category conversions
 */
export const shown = (text: string): string => {
  const plain = text.replace(/[\x00-\x1f\x7f-\x9f]+/g, " ").trim()
  return plain.length > 200 ? `${plain.slice(0, 200)}…` : plain
}

/**
 * A name or path of an image, for one line of ours.
 *
 * @since 0.1.0
 * @category conversions
 */
export const quoted = (bytes: Bytes): string => JSON.stringify(shown(toText(bytes)))
