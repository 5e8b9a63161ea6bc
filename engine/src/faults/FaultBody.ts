/**
 * What a fault does to the body of an answer, piece by piece: it holds back no more than one frame of a stream.
 *
 * @since 0.1.0
 */
import type { Fault } from "./Fault.js"

/**
 * What becomes of the connection after a piece.
 *
 * @since 0.1.0
 * @category models
 */
export type Then =
  /** the rest comes as it should */
  | "go on"
  /** the message ends here, as if it were whole */
  | "end"
  /** nothing comes any more */
  | "stall"
  /** the connection is closed in the middle of the message */
  | "close"
  /** the connection is reset */
  | "reset"

/**
 * @since 0.1.0
 * @category models
 */
export interface Step {
  readonly bytes: Uint8Array
  readonly then: Then
}

/**
 * The body of one answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Body {
  readonly push: (bytes: Buffer) => Step
  /** the target's own end: what was held back */
  readonly end: () => Uint8Array
}

const nothing = new Uint8Array(0)

const whole: Body = { push: (bytes) => ({ bytes, then: "go on" }), end: () => nothing }

const until = (limit: number, then: Then): Body => {
  let left = limit
  return {
    push: (bytes) => {
      if (bytes.length < left) {
        left -= bytes.length
        return { bytes, then: "go on" }
      }
      const kept = bytes.subarray(0, left)
      left = 0
      return { bytes: kept, then }
    },
    end: () => nothing
  }
}

/** blocks between empty lines, as the engine writes them; `change` sees each, with its number among those that are frames */
const frames = (change: (frame: Buffer, nth: number) => Step): Body => {
  let rest = Buffer.alloc(0)
  let nth = 0
  return {
    push: (bytes) => {
      rest = Buffer.concat([rest, bytes])
      const out: Array<Uint8Array> = []
      for (let at = rest.indexOf("\n\n"); at !== -1; at = rest.indexOf("\n\n")) {
        const block = rest.subarray(0, at + 2)
        rest = rest.subarray(at + 2)
        const step: Step = block[0] === 58 /* : */ ? { bytes: block, then: "go on" } : change(block, nth++)
        out.push(step.bytes)
        if (step.then !== "go on") return { bytes: Buffer.concat(out), then: step.then }
      }
      return { bytes: Buffer.concat(out), then: "go on" }
    },
    end: () => rest
  }
}

const reordered = (at: number): Body => {
  let held: Buffer | undefined
  const inner = frames((frame, nth) => {
    if (nth === at) {
      held = Buffer.from(frame)
      return { bytes: nothing, then: "go on" }
    }
    const both = held === undefined ? frame : Buffer.concat([frame, held])
    held = undefined
    return { bytes: both, then: "go on" }
  })
  return { push: inner.push, end: () => Buffer.concat([held ?? nothing, inner.end()]) }
}

const sseError = ": stream ended with error, retry since last event id\nevent: sse_error\ndata: the log has moved\n\n"

const brokenAfter = (count: number): Body => {
  const broken: Step = { bytes: Buffer.from(sseError), then: "end" }
  const inner = frames((frame, nth) =>
    nth + 1 < count ? { bytes: frame, then: "go on" } : { bytes: Buffer.concat([frame, broken.bytes]), then: "end" }
  )
  return count === 0 ? { push: () => broken, end: () => nothing } : inner
}

const prefixed = (text: string): Body => {
  let prefix = Buffer.from(text)
  return {
    push: (bytes) => {
      const both = Buffer.concat([prefix, bytes])
      prefix = Buffer.alloc(0)
      return { bytes: both, then: "go on" }
    },
    end: () => prefix
  }
}

/**
 * The body of an answer under a fault; one that is no matter of bodies leaves it whole.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (fault: Fault | undefined): Body => {
  switch (fault?._tag) {
    case "Cut":
      return until(fault.bytes, fault.how)
    case "Stall":
      return until(fault.bytes, "stall")
    case "TruncateGzip":
      return until(fault.bytes, "end")
    case "DuplicateFrames":
      return frames((frame) => ({ bytes: Buffer.concat([frame, frame]), then: "go on" }))
    case "ReorderFrames":
      return reordered(fault.at)
    case "SseError":
      return brokenAfter(fault.frames)
    case "Retry":
      return prefixed(`retry: ${fault.millis}\n\n`)
    default:
      return whole
  }
}
