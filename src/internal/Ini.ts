/** The INI files of profiles, as Python's configparser reads them. Protocol: section 1.5. */

/** keys in lower case, values without the space around them */
export type Section = Readonly<Record<string, string>>

export type Ini = ReadonlyMap<string, Section>

interface Open {
  readonly values: Record<string, string>
  key: string | undefined
}

const section = (into: Map<string, Open>, name: string): Open => {
  const known = into.get(name)
  if (known !== undefined) return known
  // Without a prototype a key such as `constructor` is a key like any other.
  const made: Open = { values: Object.create(null), key: undefined }
  into.set(name, made)
  return made
}

/** `key = value` or `key: value`; a key alone has no value */
const pair = (line: string): readonly [string, string] => {
  const at = line.search(/[=:]/)
  return at === -1 ? [line, ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()]
}

/**
 * Sections in square brackets; comments are whole lines that begin with `#` or `;`; a line that begins with a space goes
 * on with the value before it. A section written twice is one; the later value of a key stands.
 */
export const parse = (text: string): Ini => {
  const sections = new Map<string, Open>()
  let open: Open | undefined
  for (const raw of text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/)) {
    const line = raw.trim()
    if (line === "") {
      if (open !== undefined) open.key = undefined
      continue
    }
    if (line.startsWith("#") || line.startsWith(";")) continue
    const isIndented = /^[ \t]/.test(raw)
    if (open?.key !== undefined && isIndented) {
      open.values[open.key] = `${open.values[open.key]}\n${line}`.trim()
      continue
    }
    const header = /^\[(.*)\]/.exec(line)
    if (header !== null) {
      open = section(sections, header[1]!.trim())
      open.key = undefined
      continue
    }
    if (open === undefined) continue
    const [key, value] = pair(line)
    open.key = key.toLowerCase()
    open.values[open.key] = value
  }
  return new Map([...sections].map(([name, { values }]) => [name, values]))
}

const joined = (first: Section | undefined, second: Section): Section =>
  Object.assign(Object.create(null), first, second)

/** the values of both, key by key; the second wins */
export const merge = (first: Ini, second: Ini): Ini => {
  const merged = new Map(first)
  for (const [name, values] of second) merged.set(name, joined(merged.get(name), values))
  return merged
}

/** the section with what it inherits from `[DEFAULT]`; `undefined` when it is not there */
export const lookup = (ini: Ini, name: string): Section | undefined => {
  const own = ini.get(name)
  return own === undefined ? undefined : joined(ini.get("DEFAULT"), own)
}
