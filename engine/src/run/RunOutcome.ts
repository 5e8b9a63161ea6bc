/**
 * What a finished box means for its operation. Protocol: section 3.7.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { BoxError, BoxReport } from "../box/BoxReport.js"
import type { StoreError } from "../store/StoreError.js"
import { withoutPaths } from "../store/StoreError.js"
import type { Stopped } from "./Crew.js"
import type { EventLogError } from "./EventLogError.js"

/** Why a run could not go on. */
export type RunError = BoxError | StoreError | EventLogError

/**
 * - `Ended`: the command ran to an end that is the user's own business; `keep` when its files may become an image.
 * - `Broken`: FAILED, and why; `detail` is for the engine's log alone, since it may name paths of the host.
 * - `Cancelled`
 *
 * @since 0.1.0
 * @category models
 */
export type RunOutcome =
  | { readonly _tag: "Ended"; readonly report: BoxReport; readonly keep: boolean }
  | { readonly _tag: "Broken"; readonly error: string; readonly report?: BoxReport; readonly detail?: string }
  | { readonly _tag: "Cancelled" }

/** What operations say that were not over when their engine closed. */
export const engineStopped = "engine stopped"

const fromReport = (report: BoxReport, disposable: boolean): RunOutcome => {
  if (Option.isSome(report.sizeCap)) {
    const { fileSize, limitBytes } = report.sizeCap.value
    const error = `the run wrote ${fileSize} bytes; max_layer_bytes allows ${limitBytes}`
    return { _tag: "Broken", error, report }
  }
  if (report.killedFromOutside) {
    return {
      _tag: "Broken",
      error:
        "the sandbox was killed as a whole, and nothing of it is kept: by the machine for want of memory, by hand, " +
        "or by its own command (`kill -9 -1`)",
      report
    }
  }
  // half of what a command wanted to do is no image
  return { _tag: "Ended", report, keep: !disposable && !report.timedOut }
}

/** The paths in it are those that the request named. */
const isOfRequest = (error: RunError): boolean =>
  error._tag === "BoxError" && (error.reason === "InvalidSpec" || error.reason === "UnsupportedUser")

const brokenBy = (detail: string, store: string): RunOutcome => ({
  _tag: "Broken",
  error: withoutPaths(detail, store),
  detail
})

const fromCause = (cause: Cause.Cause<RunError>, store: string): RunOutcome => {
  const failure = Cause.failureOption(cause)
  if (Option.isSome(failure)) {
    const { message } = failure.value
    return isOfRequest(failure.value) ? { _tag: "Broken", error: message } : brokenBy(message, store)
  }
  if (Cause.isInterruptedOnly(cause)) return { _tag: "Broken", error: engineStopped }
  const defect = Cause.squash(cause)
  return brokenBy(`the engine failed: ${defect instanceof Error ? defect.message : String(defect)}`, store)
}

/**
 * Who stopped it comes first: whatever else happened on the way down is a consequence.
 *
 * @since 0.1.0
 * @category conversions
 */
export const make = (
  exit: Exit.Exit<BoxReport, RunError>,
  stopped: Stopped,
  { disposable, store }: { readonly disposable: boolean; readonly store: string }
): RunOutcome => {
  if (stopped === "cancelled") return { _tag: "Cancelled" }
  if (stopped === "engine stopped") return { _tag: "Broken", error: engineStopped }
  return Exit.match(exit, {
    onSuccess: (report) => fromReport(report, disposable),
    onFailure: (cause) => fromCause(cause, store)
  })
}

/** The word of the `shutdown` event. */
export const shutdownReason = (outcome: RunOutcome): string => {
  switch (outcome._tag) {
    case "Cancelled":
      return "cancelled"
    case "Broken":
      return outcome.error === engineStopped ? "engine_stopped" : "failed"
    case "Ended":
      return outcome.report.timedOut ? "timeout" : "job_complete"
  }
}
