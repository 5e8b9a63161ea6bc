/**
 * What travels: every model of the HTTP API. A property that may be absent and may be null keeps the two apart; unknown
 * properties are ignored; unknown words in a closed list are kept as they are. Protocol: section 3.
 *
 * @since 0.1.0
 */

/** @since 0.1.0 */
export * from "./wire/Basics.js"
/** @since 0.1.0 */
export * from "./wire/Images.js"
/** @since 0.1.0 */
export * from "./wire/Files.js"
/** @since 0.1.0 */
export * from "./wire/Instances.js"
/** @since 0.1.0 */
export * from "./wire/Operations.js"
/** @since 0.1.0 */
export * from "./wire/Inspect.js"
/** @since 0.1.0 */
export * from "./wire/Identity.js"
