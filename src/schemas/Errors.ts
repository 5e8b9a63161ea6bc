/**
 * Everything that can go wrong, as a closed union of tagged errors. Each says which method it comes from, what was tried
 * and what to do next (`hint`), and none ever holds the token. Protocol: sections 1.3, 2.0 and 3.8.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import { TypeId, wordsOf } from "./errors/Describe.js"
import type { ContreeError } from "./errors/Unions.js"

/** @since 0.1.0 */
export * from "./errors/ClientErrors.js"
/** @since 0.1.0 */
export * from "./errors/HttpErrors.js"
/** @since 0.1.0 */
export * from "./errors/OperationErrors.js"
/** @since 0.1.0 */
export type * from "./errors/Unions.js"

export {
  /**
   * @since 0.1.0
   * @category symbols
   */
  TypeId
}

/**
 * Is it one of ours? (A program's own error may share a tag such as `NotFoundError`.)
 *
 * @since 0.1.0
 * @category guards
 */
export const isContreeError = (u: unknown): u is ContreeError => Predicate.hasProperty(u, TypeId)

/**
 * Is it safe and worth while to do it again? Where that is not known (`"unknown"`), no.
 *
 * @since 0.1.0
 * @category guards
 */
export const isRetryable = (e: ContreeError): boolean => e.retryable === true

/**
 * One line on what to do next.
 *
 * @since 0.1.0
 * @category getters
 */
export const hint = (e: ContreeError): string => wordsOf(e).hint
