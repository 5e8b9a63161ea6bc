/**
 * Ids as people write them: their beginnings.
 *
 * @since 0.1.0
 */

const least = 8

const shared = (a: string, b: string): number => {
  let length = 0
  while (length < a.length && a[length] === b[length]) length += 1
  return length
}

/**
 * How to call each of these ids: by a beginning of eight characters, or as many more as tell it from the others.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (ids: Iterable<string>): (id: string) => string => {
  const sorted = [...new Set(ids)].sort()
  const lengths = new Map(sorted.map((id, index) => {
    // only its neighbours can share more with it than all the others
    const common = Math.max(shared(id, sorted[index - 1] ?? ""), shared(id, sorted[index + 1] ?? ""))
    return [id, Math.max(least, common + 1)]
  }))
  return (id) => id.slice(0, lengths.get(id) ?? least)
}
