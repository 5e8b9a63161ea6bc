/**
 * Statements about operations, for the store and for whoever is inside a transaction.
 *
 * @since 0.1.0
 */
import type { Connection, Value } from "./Database.js"
import type { OperationFields } from "./OperationStore.js"

/**
 * The states that go on.
 *
 * @since 0.1.0
 * @category constants
 */
export const notTerminal = "status NOT IN ('SUCCESS', 'FAILED', 'CANCELLED')"

const columns = {
  error: "error",
  duration: "duration",
  imageSize: "image_size",
  consumedCpu: "consumed_cpu",
  consumedMemory: "consumed_memory",
  imageId: "image",
  resultImageId: "result_image",
  metadata: "metadata",
  result: "result"
} as const satisfies Record<keyof OperationFields, string>

const names = Object.keys(columns) as ReadonlyArray<keyof OperationFields>

const assignments = (fields: OperationFields): ReadonlyArray<readonly [sql: string, value: Value]> =>
  names.flatMap((name) => {
    const value = fields[name]
    return value === undefined ? [] : [[`${columns[name]} = ?`, value] as const]
  })

/**
 * @since 0.1.0
 * @category statements
 */
export const transition = (
  connection: Connection,
  id: string,
  from: ReadonlyArray<string>,
  to: string,
  fields: OperationFields
): boolean => {
  const set = [["status = ?", to] as const, ...assignments(fields)]
  const states = from.map(() => "?").join(", ")
  return connection.run(
    `UPDATE operation SET ${set.map(([sql]) => sql).join(", ")} WHERE id = ? AND status IN (${states})`,
    [...set.map(([, value]) => value), id, ...from]
  ) > 0
}
