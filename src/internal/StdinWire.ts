/** A command's input, as a request has it. */
import * as StreamRepr from "../schemas/StreamRepr.js"
import type * as Wire from "../schemas/Wire.js"

/** these bytes, then the end */
export const closed = (bytes: Uint8Array): StreamRepr.ClosableStreamRepr => ({
  ...StreamRepr.fromBytes(bytes),
  close: true
})

/** nothing yet, and more to come */
export const open: Pick<Wire.ExecSpec, "stdin"> = { stdin: { value: "", encoding: "ascii", close: false } }

/** all of it, then its end */
export const whole = (bytes: Uint8Array): Pick<Wire.InstanceSpawnRequest, "stdin"> =>
  bytes.length === 0 ? {} : { stdin: closed(bytes) }
