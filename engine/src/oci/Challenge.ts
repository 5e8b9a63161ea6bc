/**
 * What a registry asks for with 401: `WWW-Authenticate` (RFC 9110, section 11.6.1), and the token that answers it.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export type Challenge = { readonly _tag: "Basic" } | Bearer

/**
 * @since 0.1.0
 * @category models
 */
export interface Bearer {
  readonly _tag: "Bearer"
  readonly realm: string
  readonly service: string | undefined
  readonly scope: string | undefined
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const parameter = new RegExp(`(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))`, "g")

const parametersOf = (text: string): ReadonlyMap<string, string> =>
  new Map([...text.matchAll(parameter)].map(([, name = "", quoted, plain = ""]) => [
    name.toLowerCase(),
    quoted === undefined ? plain : quoted.replace(/\\(.)/g, "$1")
  ]))

/** Where a scheme begins: a word that no `=` follows. */
const schemes = /(?:^|,)\s*(basic|bearer)(?=\s|,|$)/gi

/**
 * The challenge to answer, Bearer before Basic; undefined when there is none that is known here.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parse = (header: string): Challenge | undefined => {
  // a quoted text may hold anything, the name of a scheme too
  const plain = header.replace(/"(?:[^"\\]|\\.)*"/g, (text) => `"${"x".repeat(text.length - 2)}"`)
  const starts = [...plain.matchAll(schemes)].map((match) => ({
    scheme: (match[1] ?? "").toLowerCase(),
    from: match.index + match[0].length,
    begin: match.index
  }))
  const textOf = (index: number): string => header.slice(starts[index]?.from, starts[index + 1]?.begin)
  const bearer = starts.findIndex(({ scheme }) => scheme === "bearer")
  if (bearer !== -1) {
    const parameters = parametersOf(textOf(bearer))
    const realm = parameters.get("realm")
    if (realm !== undefined) {
      return { _tag: "Bearer", realm, service: parameters.get("service"), scope: parameters.get("scope") }
    }
  }
  return starts.some(({ scheme }) => scheme === "basic") ? { _tag: "Basic" } : undefined
}
