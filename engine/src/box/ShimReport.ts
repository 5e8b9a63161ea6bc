/**
 * What the shim writes on its own pipe: the process id when it starts, and what `time` measured when the command is over.
 * The command can write there too if it tries hard, so the text is read as untrusted: bounded, and never believed to be
 * well-formed.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import type { BoxResources } from "./BoxReport.js"

/** More than this is not from the shim. */
export const maxReportBytes = 65_536

/** How the command ended, as `time` saw it. */
export interface ShimReport {
  readonly code: number
  readonly signal: number
  readonly resources: BoxResources
}

/**
 * Reads the report of an operation out of everything that came after `pid`. None when there is none.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parse = (text: string, operationId: string, rssFactor: number): Option.Option<ShimReport> => {
  // the last of each: what the command wrote there itself came before
  const lines = text.split("\n").reverse()
  const prefix = `report ${operationId} `
  const line = lines.find((candidate) => candidate.startsWith(prefix))
  if (line === undefined) return Option.none()
  const fields = line.slice(prefix.length).trim().split(/\s+/)
  const numbers = fields.map(Number)
  if (numbers.length !== 16 || numbers.some((n) => !Number.isFinite(n) || n < 0)) return Option.none()
  const at = (index: number): number => Math.round(numbers[index] ?? 0)
  const signal = lines.map((candidate) => /^Command terminated by signal (\d+)$/.exec(candidate)?.[1]).find(
    (found) => found !== undefined
  )
  return Option.some({
    code: signal === undefined ? at(0) : -1,
    signal: signal === undefined ? -1 : Number(signal),
    resources: {
      userTimeUs: Math.round((numbers[1] ?? 0) * 1e6),
      sysTimeUs: Math.round((numbers[2] ?? 0) * 1e6),
      maxRssKb: Math.round(at(3) / rssFactor),
      minorFaults: at(4),
      majorFaults: at(5),
      voluntaryCtxSwitches: at(6),
      involuntaryCtxSwitches: at(7),
      blockInputOps: at(8),
      blockOutputOps: at(9),
      sharedMemory: at(10),
      unsharedMemory: at(11),
      swaps: at(12),
      signalsReceived: at(13),
      ipcMsgsSent: at(14),
      ipcMsgsReceived: at(15)
    }
  })
}
