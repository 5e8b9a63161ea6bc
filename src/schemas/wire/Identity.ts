/**
 * Who asks, and what they may do. Protocol: sections 2.6 and 3.9.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { triState } from "../TriState.js"

/**
 * @since 0.1.0
 * @category identity
 */
export const WhoAmI = Schema.Struct({
  token_uuid: Schema.String,
  token_expiration: Schema.NullOr(Schema.JsonNumber),
  permissions: Schema.Record({ key: Schema.String, value: Schema.Boolean }),
  operations_stat: Schema.Record({ key: Schema.String, value: Schema.JsonNumber }),
  limits: triState(Schema.Record({ key: Schema.String, value: Schema.JsonNumber }))
})
/**
 * @since 0.1.0
 * @category identity
 */
export type WhoAmI = typeof WhoAmI.Type
