/**
 * Operations: runs and imports as the server keeps them. Protocol: sections 2.4 and 3.8.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ImageId, OperationId } from "../Ids.js"
import { Timestamp } from "../Timestamp.js"
import { open, triState } from "../TriState.js"
import { ImageImportMetadata } from "./Images.js"
import { InstanceMetadata } from "./Instances.js"

/**
 * `PENDING`, `ASSIGNED` and `EXECUTING` go on; `SUCCESS`, `FAILED` and `CANCELLED` are ends. Any other word goes on.
 *
 * @since 0.1.0
 * @category operations
 */
export const OperationStatus = open("PENDING", "ASSIGNED", "EXECUTING", "SUCCESS", "FAILED", "CANCELLED")
/**
 * @since 0.1.0
 * @category operations
 */
export type OperationStatus = typeof OperationStatus.Type

/**
 * @since 0.1.0
 * @category operations
 */
export const isTerminal = (status: string | null | undefined): status is "SUCCESS" | "FAILED" | "CANCELLED" =>
  status === "SUCCESS" || status === "FAILED" || status === "CANCELLED"

/**
 * @since 0.1.0
 * @category operations
 */
export const OperationKind = open("instance", "image_import")

/**
 * @since 0.1.0
 * @category operations
 */
export const OperationSummary = Schema.Struct({
  uuid: OperationId,
  kind: triState(OperationKind),
  status: triState(OperationStatus),
  error: triState(Schema.String),
  created_at: triState(Timestamp),
  duration: triState(Schema.JsonNumber),
  image_size: triState(Schema.JsonNumber),
  consumed_cpu: triState(Schema.JsonNumber),
  consumed_memory: triState(Schema.JsonNumber),
  image_uuid: triState(ImageId),
  result_image_uuid: triState(ImageId)
})
/**
 * @since 0.1.0
 * @category operations
 */
export type OperationSummary = typeof OperationSummary.Type

/**
 * @since 0.1.0
 * @category operations
 */
export const OperationSummaries = Schema.Array(OperationSummary)

const operationFields = {
  ...OperationSummary.fields,
  result: triState(Schema.Struct({ image: triState(ImageId), tag: triState(Schema.String) }))
}

/**
 * One operation whole. `metadata` is read by `kind`: an instance's, an import's, and of any other kind left as it is.
 *
 * @since 0.1.0
 * @category operations
 */
export const Operation = Schema.Union(
  Schema.Struct({ ...operationFields, kind: Schema.Literal("instance"), metadata: triState(InstanceMetadata) }),
  Schema.Struct({ ...operationFields, kind: Schema.Literal("image_import"), metadata: triState(ImageImportMetadata) }),
  Schema.Struct({
    ...operationFields,
    kind: triState(Schema.String.pipe(Schema.filter((kind) => kind !== "instance" && kind !== "image_import"))),
    metadata: triState(Schema.Unknown)
  })
)
/**
 * @since 0.1.0
 * @category operations
 */
export type Operation = typeof Operation.Type
