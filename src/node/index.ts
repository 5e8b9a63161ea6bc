/**
 * For programs on Node. Needs `undici`, an optional peer dependency.
 *
 * @since 0.1.0
 */

/** @since 0.1.0 */
export * as UndiciClient from "./UndiciClient.js"
