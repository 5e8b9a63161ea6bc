/**
 * Properties that may be absent, null or have a value: three things, and the wire keeps them apart. Protocol: section 3.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A property that may be absent and may be null; both are kept as they came.
 *
 * @since 0.1.0
 * @category schemas
 */
export const triState = <A, I, R>(
  schema: Schema.Schema<A, I, R>
): Schema.optionalWith<Schema.NullOr<Schema.Schema<A, I, R>>, { exact: true }> =>
  Schema.optionalWith(Schema.NullOr(schema), { exact: true })

/**
 * A closed list of words today, perhaps a longer one tomorrow: completion in the editor, and any other word is kept.
 *
 * @since 0.1.0
 * @category schemas
 */
export const open = <const L extends ReadonlyArray<string>>(
  ..._known: L
): Schema.Schema<L[number] | (string & {}), string> => Schema.String as Schema.Schema<L[number] | (string & {}), string>
