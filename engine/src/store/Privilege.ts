/**
 * Whether the engine is root. An ordinary user's boxes run in a user namespace that knows one id, which is root inside.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category predicates
 */
export const isRoot = (): boolean => process.geteuid?.() === 0

/**
 * A command that may see and remove what the boxes of this engine leave: folders of mode 000 too.
 *
 * @since 0.1.0
 * @category commands
 */
export const asBoxRoot = (
  ...command: readonly [string, ...ReadonlyArray<string>]
): readonly [string, ...ReadonlyArray<string>] => isRoot() ? command : ["unshare", "-Ur", ...command]
