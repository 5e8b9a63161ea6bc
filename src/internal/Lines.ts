/**
 * Bytes to lines, in pieces of any size. A line ends with LF, CRLF or CR, wherever a piece does; what follows the last
 * end is a line too, unless it is empty. Why not the platform's: `Stream.decodeText` drops a character that the end cuts,
 * and a byte order mark; `Stream.splitLines` drops a CR at the end, and waits for an LF where a bar of progress writes CR
 * alone.
 */

export interface Splitter {
  /** the lines that these bytes complete */
  readonly add: (bytes: Uint8Array) => ReadonlyArray<string>
  /** the line that has no end, if there is one */
  readonly finish: () => ReadonlyArray<string>
}

const end = /\r\n?|\n/g

/** Holds state: one for each run of a stream. */
export const makeSplitter = (): Splitter => {
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true })
  // Of the line that has no end yet. Joined once, when it has: a line of any length costs its length.
  let parts: Array<string> = []
  // the CR has ended its line at once; an LF that comes next belongs to it
  let isAfterCR = false

  const split = (decoded: string): ReadonlyArray<string> => {
    if (decoded === "") return []
    const text = isAfterCR && decoded.startsWith("\n") ? decoded.slice(1) : decoded
    isAfterCR = decoded.endsWith("\r")
    const lines: Array<string> = []
    let from = 0
    for (const { 0: terminator, index } of text.matchAll(end)) {
      const piece = text.slice(from, index)
      if (parts.length === 0) lines.push(piece)
      else {
        parts.push(piece)
        lines.push(parts.join(""))
        parts = []
      }
      from = index + terminator.length
    }
    if (from < text.length) parts.push(text.slice(from))
    return lines
  }
  return {
    add: (bytes) => split(utf8.decode(bytes, { stream: true })),
    finish: () => {
      const lines = split(utf8.decode())
      return parts.length === 0 ? lines : [...lines, parts.join("")]
    }
  }
}
