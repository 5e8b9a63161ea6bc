/**
 * Uploaded files. Protocol: sections 2.2, 3.4 and 3.9.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { FileId, Sha256 } from "../Ids.js"
import { Timestamp } from "../Timestamp.js"
import { triState } from "../TriState.js"
import { Mode } from "./Basics.js"

/**
 * @since 0.1.0
 * @category files
 */
export const UploadedFile = Schema.Struct({ uuid: FileId, sha256: Sha256, size: Schema.JsonNumber })
/**
 * @since 0.1.0
 * @category files
 */
export type UploadedFile = typeof UploadedFile.Type

/**
 * @since 0.1.0
 * @category files
 */
export const File = Schema.Struct({ ...UploadedFile.fields, created_at: Timestamp, updated_at: Timestamp })
/**
 * @since 0.1.0
 * @category files
 */
export type File = typeof File.Type

/**
 * @since 0.1.0
 * @category files
 */
export const FileList = Schema.Struct({ files: Schema.Array(File) })

/**
 * An uploaded file to put into a sandbox before its command starts. Defaults: owner 0:0, mode 0644.
 *
 * @since 0.1.0
 * @category files
 */
export const FileSpec = Schema.Struct({
  uuid: FileId,
  uid: triState(Schema.NonNegativeInt),
  gid: triState(Schema.NonNegativeInt),
  mode: triState(Mode)
})
/**
 * @since 0.1.0
 * @category files
 */
export type FileSpec = typeof FileSpec.Type
