/**
 * Images, their tags and their import. Protocol: sections 2.1, 3.1 and 3.2.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ImageId, OperationId } from "../Ids.js"
import { Timestamp } from "../Timestamp.js"
import { triState } from "../TriState.js"

/**
 * @since 0.1.0
 * @category images
 */
export const Image = Schema.Struct({
  uuid: ImageId,
  tag: triState(Schema.String),
  created_at: triState(Timestamp),
  operation_uuid: triState(OperationId)
})
/**
 * @since 0.1.0
 * @category images
 */
export type Image = typeof Image.Type

/**
 * @since 0.1.0
 * @category images
 */
export const ImageList = Schema.Struct({ images: Schema.Array(Image) })

/**
 * @since 0.1.0
 * @category images
 */
export const TagRequest = Schema.Struct({ tag: Schema.String })

/**
 * Where an image is imported from. The server shows a password as `<MASKED>`.
 *
 * @since 0.1.0
 * @category images
 */
export const Registry = Schema.Struct({
  url: Schema.String,
  credentials: triState(Schema.Struct({ username: triState(Schema.String), password: triState(Schema.String) }))
})

/**
 * @since 0.1.0
 * @category images
 */
export const ImageImportRequest = Schema.Struct({
  registry: Registry,
  tag: triState(Schema.String),
  timeout: triState(Schema.Int)
})
/**
 * @since 0.1.0
 * @category images
 */
export type ImageImportRequest = typeof ImageImportRequest.Type

/**
 * @since 0.1.0
 * @category images
 */
export const ImageImportMetadata = Schema.Struct({
  registry: triState(Schema.Struct({ ...Registry.fields, url: triState(Schema.String) })),
  tag: triState(Schema.String),
  timeout: triState(Schema.JsonNumber)
})
