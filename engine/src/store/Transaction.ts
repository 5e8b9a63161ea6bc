/**
 * The part of a transaction that callers outside the store may take.
 *
 * @since 0.1.0
 */
import type { OperationId } from "effect-contree/Ids"
import type { Connection } from "./Database.js"
import * as OperationRows from "./OperationRows.js"
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
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (connection: Connection): Transaction => ({
  transition: (id, from, to, fields = {}) => OperationRows.transition(connection, id, from, to, fields)
})
