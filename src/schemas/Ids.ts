/**
 * Identifiers, branded so that one cannot be passed for another, and checked by pattern so that none can climb out of
 * a URL path. Protocol: section 3.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const uuid = Schema.String.pipe(
  Schema.pattern(/^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/)
)

/**
 * The id of an image: an immutable root filesystem.
 *
 * @since 0.1.0
 * @category ids
 */
export const ImageId = uuid.pipe(Schema.brand("effect-contree/ImageId"))
/**
 * @since 0.1.0
 * @category ids
 */
export type ImageId = typeof ImageId.Type

/**
 * The id of an operation: one run, or one import.
 *
 * @since 0.1.0
 * @category ids
 */
export const OperationId = uuid.pipe(Schema.brand("effect-contree/OperationId"))
/**
 * @since 0.1.0
 * @category ids
 */
export type OperationId = typeof OperationId.Type

/**
 * The id of an uploaded file.
 *
 * @since 0.1.0
 * @category ids
 */
export const FileId = uuid.pipe(Schema.brand("effect-contree/FileId"))
/**
 * @since 0.1.0
 * @category ids
 */
export type FileId = typeof FileId.Type

/**
 * A name for an image: 1 to 256 of `A-Z a-z 0-9 _ - . : /`. A project has a tag once; an image may have several.
 *
 * @since 0.1.0
 * @category ids
 */
export const Tag = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_./:-]{1,256}$/), Schema.brand("effect-contree/Tag"))
/**
 * @since 0.1.0
 * @category ids
 */
export type Tag = typeof Tag.Type

/**
 * The id of a node in a session's history.
 *
 * @since 0.1.0
 * @category ids
 */
export const NodeId = Schema.String.pipe(Schema.brand("effect-contree/NodeId"))
/**
 * @since 0.1.0
 * @category ids
 */
export type NodeId = typeof NodeId.Type

/**
 * The number of a process in a running sandbox: 0 the sandbox itself, 1 the main command, 2 and up subprocesses.
 *
 * @since 0.1.0
 * @category ids
 */
export const Spid = Schema.NonNegativeInt.pipe(Schema.brand("effect-contree/Spid"))
/**
 * @since 0.1.0
 * @category ids
 */
export type Spid = typeof Spid.Type

/**
 * The SHA-256 of a file's content: 64 hexadecimal digits, lower case.
 *
 * @since 0.1.0
 * @category ids
 */
export const Sha256 = Schema.String.pipe(Schema.pattern(/^[0-9a-f]{64}$/), Schema.brand("effect-contree/Sha256"))
/**
 * @since 0.1.0
 * @category ids
 */
export type Sha256 = typeof Sha256.Type
