/**
 * The lines of an event log, cut from its bytes without reading the payloads.
 *
 * @since 0.1.0
 */

/**
 * One event: what framing and filtering need, and the whole of it as JSON.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventLine {
  readonly id: number
  readonly type: string
  readonly spid: number
  /** The complete event as one line of JSON, without its end of line. */
  readonly json: string
}

// the writer puts these four first, in this order
const header = /^\{"id":(\d+),"ts":"[^"]*","type":"([^"\\]*)","spid":(\d+),/

/**
 * Reads a whole line; `undefined` for one that no writer of ours wrote.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseLine = (json: string): EventLine | undefined => {
  const match = header.exec(json)
  return match === null ? undefined : { id: Number(match[1]), type: match[2]!, spid: Number(match[3]), json }
}

/**
 * A cutter with its own memory of the unfinished line: give it the bytes in any pieces, it gives the lines that became
 * whole. A last line without its end is never given.
 *
 * @since 0.1.0
 * @category parsing
 */
export const linesOf = (): (bytes: Buffer) => Array<EventLine> => {
  let unfinished: Array<Buffer> = []
  return (bytes) => {
    const found: Array<EventLine> = []
    let start = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      unfinished.push(bytes.subarray(start, end))
      const line = parseLine(Buffer.concat(unfinished).toString("utf8"))
      if (line !== undefined) found.push(line)
      unfinished = []
      start = end + 1
    }
    if (start < bytes.length) unfinished.push(bytes.subarray(start))
    return found
  }
}
