/**
 * The embedded ConTree engine.
 *
 * @since 0.1.0
 */

/** @since 0.1.0 */
export * as ContreeLocal from "./ContreeLocal.js"

/** @since 0.1.0 */
export * as FaultProxy from "./faults/FaultProxy.js"
