/** What each program needs that is not there yet: the compiler's own words, by program. */
export const pending: Readonly<Record<string, ReadonlyArray<string>>> = {}
