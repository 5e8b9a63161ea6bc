/**
 * Where a text stops being JSON. V8 does not always say, and what it says quotes the text, which may hold a secret.
 *
 * @since 0.1.0
 */

const space = /[ \t\n\r]*/y
const string = /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const scalar = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y

type Expected = "value" | "value or ]" | "key" | "key or }" | ":" | ", or end"

const endOf = (pattern: RegExp, text: string, at: number): number => {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : -1
}

/**
 * The index of the first character that does not belong, the length when the text ends too early; `undefined` for good
 * JSON. A string that is broken inside counts from its quote.
 *
 * @since 0.1.0
 * @category parsing
 */
export const find = (text: string): number | undefined => {
  const open: Array<string> = []
  let expected: Expected = "value"
  let at = 0
  while (true) {
    at = endOf(space, text, at)
    const next = text[at]
    if (next === undefined) return open.length === 0 && expected === ", or end" ? undefined : text.length
    let end = -1
    if (expected === ", or end") {
      const top = open.at(-1)
      if (next === "," && top !== undefined) {
        expected = top === "{" ? "key" : "value"
        end = at + 1
      } else if ((next === "}" && top === "{") || (next === "]" && top === "[")) {
        open.pop()
        end = at + 1
      }
    } else if (expected === ":") {
      if (next === ":") {
        expected = "value"
        end = at + 1
      }
    } else if (expected === "key or }" && next === "}" || expected === "value or ]" && next === "]") {
      open.pop()
      expected = ", or end"
      end = at + 1
    } else if (expected === "key" || expected === "key or }") {
      end = endOf(string, text, at)
      expected = ":"
    } else if (next === "{" || next === "[") {
      open.push(next)
      expected = next === "{" ? "key or }" : "value or ]"
      end = at + 1
    } else {
      end = endOf(next === "\"" ? string : scalar, text, at)
      expected = ", or end"
    }
    if (end === -1) return at
    at = end
  }
}
