/**
 * Search in an image by ripgrep: its command line, and its answer. Protocol: sections 2.5 and 3.9.
 *
 * @since 0.1.0
 */

/**
 * What is searched for.
 *
 * @since 0.1.0
 * @category models
 */
export interface GrepRequest {
  /** Any of them; in the syntax of Rust's `regex`. */
  readonly patterns: ReadonlyArray<string>
  /** Absolute, links resolved. */
  readonly paths: ReadonlyArray<string>
  readonly globs: ReadonlyArray<string>
  /** Matching lines of one file at most. */
  readonly maxCount: number | undefined
  /** Matching lines of all files at most. */
  readonly maxTotal: number
  readonly matchCase: "sensitive" | "insensitive" | "smart"
  readonly before: number
  readonly after: number
}

const caseOptions = { sensitive: "--case-sensitive", insensitive: "--ignore-case", smart: "--smart-case" } as const

/**
 * The arguments of ripgrep. Nothing of a request can be an option: patterns and globs are the values of theirs, and paths
 * come behind `--`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const argumentsOf = (request: GrepRequest, root: string): ReadonlyArray<string> => [
  // `--sort`: the same search has the same answer, also where it is cut
  ...["--no-config", "--json", "--no-messages", "--hidden", "--no-ignore", "--no-follow", "--sort=path"],
  // offsets are those of the file's own bytes
  "--encoding=none",
  caseOptions[request.matchCase],
  `--before-context=${request.before}`,
  `--after-context=${request.after}`,
  ...(request.maxCount === undefined ? [] : [`--max-count=${request.maxCount}`]),
  ...request.globs.map((glob) => `--glob=${glob}`),
  ...request.patterns.map((pattern) => `--regexp=${pattern}`),
  "--",
  ...request.paths.map((path) => path === "/" ? root : `${root}${path}`)
]

/**
 * One line of an answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Match {
  /** From the root of the image, without a slash. */
  readonly path: string
  readonly line_number: number
  readonly absolute_offset: number
  readonly line_text: string
  readonly line_bytes: number
  readonly submatches: ReadonlyArray<{ readonly text: string; readonly start: number; readonly end: number }>
  readonly type: "match" | "context"
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const parsed = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** `{"text"}`, or `{"bytes"}` in base64 for what is not UTF-8: then shown with U+FFFD. */
const textOf = (value: unknown): { readonly text: string; readonly bytes: number } => {
  if (!isRecord(value)) return { text: "", bytes: 0 }
  if (typeof value["text"] === "string") return { text: value["text"], bytes: Buffer.byteLength(value["text"]) }
  const bytes = Buffer.from(String(value["bytes"] ?? ""), "base64")
  return { text: bytes.toString("utf8"), bytes: bytes.length }
}

const whole = (value: unknown): number => typeof value === "number" ? value : 0

const submatches = (value: unknown): Match["submatches"] =>
  (Array.isArray(value) ? value : []).filter(isRecord).map((found) => ({
    text: textOf(found["match"]).text,
    start: whole(found["start"]),
    end: whole(found["end"])
  }))

const matchOf = (type: "match" | "context", data: Readonly<Record<string, unknown>>, root: string): Match => {
  const line = textOf(data["lines"])
  const path = textOf(data["path"]).text
  return {
    path: path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path,
    line_number: whole(data["line_number"]),
    absolute_offset: whole(data["absolute_offset"]),
    line_text: line.text,
    line_bytes: line.bytes,
    submatches: submatches(data["submatches"]),
    type
  }
}

/**
 * Reads ripgrep's answer as it comes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reader {
  /** true: no more is wanted */
  readonly take: (bytes: Uint8Array) => boolean
  /** No more will come, whether or not there was more. */
  readonly end: () => void
  readonly matches: () => ReadonlyArray<Match>
  /** There is more than was wanted. */
  readonly isCut: () => boolean
}

/** An answer of more bytes than this is cut: one line may be a whole file. */
export const maxAnswerBytes = 16 * 1024 * 1024

/**
 * Gathers the lines of text files, up to the limit: a file that turns out to be binary has none.
 *
 * @since 0.1.0
 * @category constructors
 */
export const reader = (request: Pick<GrepRequest, "maxTotal" | "after">, root: string): Reader => {
  const kept: Array<Match> = []
  let file: Array<Match> = []
  let unfinished: Array<Buffer> = []
  let held = 0
  let size = 0
  let total = 0
  let inFile = 0
  let cut = false

  const finish = (isBinary: boolean): void => {
    if (isBinary) total -= inFile
    else for (const found of file) kept.push(found)
    file = []
    inFile = 0
  }

  // context before a line that is not shown is context of nothing
  const dropLead = (): void => {
    const last = file.map(({ type }) => type).lastIndexOf("match")
    const end = last === -1 ? -1 : file[last]!.line_number + request.after
    file = file.filter(({ line_number, type }, index) => index <= last || (type === "context" && line_number <= end))
  }

  const stop = (): boolean => {
    cut = true
    dropLead()
    finish(false)
    return true
  }

  const event = (text: string): boolean => {
    const value = parsed(text)
    const data = isRecord(value) ? value["data"] : undefined
    if (!isRecord(value) || !isRecord(data)) return false
    const { type } = value
    if (type === "end") {
      finish(data["binary_offset"] !== null && data["binary_offset"] !== undefined)
      return false
    }
    if (type !== "match" && type !== "context") return false
    if (type === "match") {
      if (total >= request.maxTotal) return stop()
      total += 1
      inFile += 1
    }
    size += text.length
    if (size > maxAnswerBytes) return stop()
    file.push(matchOf(type, data, root))
    return false
  }

  return {
    take: (bytes) => {
      if (cut) return true
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      let start = 0
      for (let end = buffer.indexOf(10); end !== -1; end = buffer.indexOf(10, start)) {
        unfinished.push(buffer.subarray(start, end))
        const line = Buffer.concat(unfinished).toString("utf8")
        unfinished = []
        held = 0
        start = end + 1
        if (event(line)) return true
      }
      if (start < buffer.length) unfinished.push(Buffer.from(buffer.subarray(start)))
      held += buffer.length - start
      return held > maxAnswerBytes ? stop() : false
    },
    end: () => finish(false),
    matches: () => kept,
    isCut: () => cut
  }
}
