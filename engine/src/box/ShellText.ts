/**
 * Text for a POSIX shell.
 *
 * @since 0.1.0
 */

/** One word that the shell takes exactly as it is: only a quote ends a quoted string. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** The same, without quotes where a person would write none. */
export const readable = (word: string): string => /^[\w.:/@%+,=-]+$/.test(word) ? word : quote(word)

/** Words with a space between them. */
export const words = (list: ReadonlyArray<string>): string => list.map(quote).join(" ")
