/**
 * What the programs need that is not there yet, in the compiler's own words (each cut at 100 characters).
 */
export const pending: Readonly<Record<string, ReadonlyArray<string>>> = {}
