import type { Dispatcher } from "undici"

/** What undici hands to whoever receives an answer, of a request that there is not. */
export const controller = (onAbort: () => void = () => {}): Dispatcher.DispatchController => ({
  aborted: false,
  paused: false,
  reason: null,
  rawHeaders: null,
  rawTrailers: null,
  abort: onAbort,
  pause: () => {},
  resume: () => {}
})
