/**
 * Why the engine could not be started. Nothing here is about a single run: see `BoxError` for that.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The engine cannot work on this machine, or not with this store. `description` says what was tried and what to type.
 *
 * @since 0.1.0
 * @category errors
 */
export class EngineError extends Schema.TaggedError<EngineError>("contree-local/EngineError")("EngineError", {
  reason: Schema.Literal(
    "UnsupportedPlatform",
    "MissingTool",
    "NotPermitted",
    "StoreUnusable",
    "ListenFailed",
    "InvalidOption"
  ),
  description: Schema.String
}) {
  /** One line for a log or a terminal. */
  override get message(): string {
    return `${this.reason}: ${this.description}`
  }
}
