/** How far one reader of a log has come. */
import type * as Event from "../schemas/Event.js"
import * as StreamRepr from "../schemas/StreamRepr.js"
import * as Prefix from "./FollowPrefix.js"

export type Name = "stdout" | "stderr"

export interface Progress {
  readonly lastId: () => number | undefined
  /** Is it new? Then it counts as read. */
  readonly accept: (event: Event.OperationEvent) => boolean
  /** what was read of the process; none when a piece could not be: then nobody knows what there was */
  readonly read: (stream: Name) => Prefix.Prefix | undefined
  /** read from the beginning: what was read begins where the output does */
  readonly whole: boolean
  /** the process whose output it is */
  readonly spid: number
}

/** The bytes of a piece of output; none for what is no piece, or in an encoding that this version does not know. */
export const bytesOf = ({ encoding, value }: Event.OperationEvent["data"]): Uint8Array | undefined =>
  typeof value === "string" && (encoding === undefined || encoding === null || typeof encoding === "string")
    ? StreamRepr.toBytes({ value, encoding })
    : undefined

export const makeProgress = (after: number | undefined, spid = 1): Progress => {
  let lastId = after === undefined || after < 0 ? undefined : after
  const whole = lastId === undefined
  const read: Record<Name, Prefix.Prefix | undefined> = { stdout: Prefix.empty, stderr: Prefix.empty }
  const count = (stream: Name, event: Event.OperationEvent): void => {
    const before = read[stream]
    if (before === undefined) return
    const bytes = bytesOf(event.data)
    read[stream] = bytes === undefined ? undefined : Prefix.extended(before, bytes)
  }
  return {
    lastId: () => lastId,
    accept: (event) => {
      if (lastId !== undefined && event.id <= lastId) return false
      lastId = event.id
      // what begins in the middle is compared with nothing
      if (whole && event.spid === spid && (event.type === "stdout" || event.type === "stderr")) {
        count(event.type, event)
      }
      return true
    },
    read: (stream) => read[stream],
    whole,
    spid
  }
}
