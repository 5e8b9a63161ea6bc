/** Archives as a test wants them, also such as no program would write. */
export interface TarMember {
  readonly name: string | Uint8Array
  /** default: `0`, a file */
  readonly flag?: string
  readonly link?: string
  readonly content?: string | Uint8Array
  /** default: the length of the content */
  readonly size?: number
  readonly mode?: number
  /** default: POSIX's */
  readonly magic?: string
  readonly prefix?: string
}

const bytesOf = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : content

const padded = (bytes: Uint8Array): Uint8Array => {
  const whole = new Uint8Array(Math.ceil(bytes.length / 512) * 512)
  whole.set(bytes)
  return whole
}

export const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))

export const header = (member: TarMember): Uint8Array => {
  const block = new Uint8Array(512)
  const put = (at: number, value: string | Uint8Array) => block.set(bytesOf(value), at)
  const octal = (value: number, length: number) => value.toString(8).padStart(length - 1, "0")
  put(0, member.name)
  put(100, octal(member.mode ?? 0o644, 8))
  put(108, octal(0, 8))
  put(116, octal(0, 8))
  put(124, octal(member.size ?? bytesOf(member.content ?? "").length, 12))
  put(136, octal(0, 12))
  put(148, "        ")
  put(156, member.flag ?? "0")
  put(157, member.link ?? "")
  put(257, member.magic ?? "ustar\x0000")
  put(345, member.prefix ?? "")
  put(148, `${octal(block.reduce((sum, byte) => sum + byte, 0), 7)}\0 `)
  return block
}

export const entry = (member: TarMember): Uint8Array => concat(header(member), padded(bytesOf(member.content ?? "")))

/** PAX records for the member that comes next, or (`g`) for all of them. */
export const pax = (records: Readonly<Record<string, string | Uint8Array>>, flag: "x" | "g" = "x"): Uint8Array => {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = concat(bytesOf(` ${key}=`), bytesOf(value), bytesOf("\n"))
    let length = rest.length + 1
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length
    return concat(bytesOf(String(length)), rest)
  })
  return entry({ name: "pax", flag, content: concat(...lines) })
}

export const ending: Uint8Array = new Uint8Array(1024)

/** members, or blocks of bytes as they are, and the end */
export const tar = (...members: ReadonlyArray<TarMember | Uint8Array>): Uint8Array =>
  concat(...members.map((member) => member instanceof Uint8Array ? member : entry(member)), ending)
