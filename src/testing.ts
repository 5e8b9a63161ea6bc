/**
 * For the tests of programs that use the SDK.
 *
 * @since 0.1.0
 */

/** @since 0.1.0 */
export * as ContreeTest from "./layers/ContreeTest.js"
