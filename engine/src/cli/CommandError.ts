/**
 * Why a command could not do what was asked, where no part of the engine says so itself.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * One or two lines for whoever typed the command: what is wrong, and what to do.
 *
 * @since 0.1.0
 * @category errors
 */
export class CommandError extends Schema.TaggedError<CommandError>("contree-local/CommandError")("CommandError", {
  description: Schema.String
}) {
  /** One or two lines for a terminal. */
  override get message(): string {
    return this.description
  }
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const commandError = (description: string): CommandError => new CommandError({ description })
