/**
 * What goes wrong on this side, before or instead of an answer.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { common, describe, make, oneLine, TypeId } from "./Describe.js"

/**
 * No answer: refused, reset, timed out, cut. `code` is the system's word for it, such as `ECONNREFUSED`. `timeout` says
 * which of our own limits was over: `requestTimeout` for the whole of an answer, `idleTimeout` for the next byte.
 *
 * @since 0.1.0
 * @category errors
 */
export class TransportError extends make<TransportError>()("TransportError", {
  ...common,
  code: Schema.optional(Schema.String),
  timeout: Schema.optional(Schema.Literal("request", "idle"))
}) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Something that is not what it should be: an answer against the protocol, or output that is no text.
 *
 * @since 0.1.0
 * @category errors
 */
export class DecodeError extends make<DecodeError>()("DecodeError", common) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    // the description knows better: not every text that cannot be read came from a server
    return describe(this, this.description === undefined ? {} : { hint: "" })
  }
}

/**
 * A handle without an image: the result of a disposable run, or anything of a closed `scratch` scope.
 *
 * @since 0.1.0
 * @category errors
 */
export class DisposableImageRunError extends make<DisposableImageRunError>()("DisposableImageRunError", common) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this)
  }
}

/**
 * Text that names no image. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidReferenceError extends make<InvalidReferenceError>()("InvalidReferenceError", {
  ...common,
  reference: Schema.String
}) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this, {
      title: `${JSON.stringify(oneLine(this.reference))} names no image`,
      ...(this.description === undefined ? {} : { hint: "" })
    })
  }
}

/**
 * An argument that cannot be used. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidArgumentError extends make<InvalidArgumentError>()("InvalidArgumentError", {
  ...common,
  argument: Schema.String
}) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this, { title: `${oneLine(this.argument)} cannot be used`, hint: "nothing was sent" })
  }
}

/**
 * Configuration that is missing or wrong; `tried` lists every place that was looked at.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConfigurationError extends make<ConfigurationError>()("ConfigurationError", {
  ...common,
  tried: Schema.Array(Schema.String)
}) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return describe(this, this.tried.length === 0 ? {} : { hint: `tried ${oneLine(this.tried.join(", "))}` })
  }
}
