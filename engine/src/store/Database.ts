/**
 * One SQLite connection of the store.
 *
 * @since 0.1.0
 */
import type { ImageId, OperationId } from "effect-contree/Ids"
import type { OperationFields } from "./OperationStore.js"

/**
 * What a caller may do inside a transaction of the store. Everything here is immediate and throws when it fails; it must
 * not be kept past the call that it was handed to.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transaction {
  /** As `OperationStore.transition`. */
  readonly transition: (
    id: OperationId,
    from: ReadonlyArray<string>,
    to: string,
    fields?: OperationFields
  ) => boolean
  /** As `ImageStore.setTag`; false when there is no such image. */
  readonly setTag: (id: ImageId, tag: string) => boolean
}
