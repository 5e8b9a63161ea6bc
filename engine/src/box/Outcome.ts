/**
 * From what the chain left behind to a report, or to the reason why there was no run.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import { BoxError, type BoxReport } from "./BoxReport.js"
import type { BoxSpec } from "./BoxSpec.js"
import type { ChainExit } from "./LiveChain.js"
import * as ShimReport from "./ShimReport.js"

const full = /no space left|quota exceeded/i
const impossibleFile =
  /made anew for every run|is a directory|not a directory|file exists|too many levels|file name too long/i

const withReason = (reason: BoxError["reason"], description: string): BoxError => new BoxError({ reason, description })

const refused = (stage: string, text: string, store: string): BoxError => {
  if (full.test(text)) {
    return withReason("DiskFull", `starting the run: no space left on the file system of ${store} (${text}). Free some`)
  }
  switch (stage) {
    case "overlay":
      return withReason(
        "MountFailed",
        `mounting the image: ${text}. A layer folder may be missing, or the store's file system may not carry overlays: ` +
          "`contree-local doctor` tries it and says what to do"
      )
    case "place":
      return withReason(impossibleFile.test(text) ? "InvalidSpec" : "StartFailed", `putting a file in place: ${text}`)
    default:
      return withReason("StartFailed", `starting the run (${stage}): ${text}`)
  }
}

const codeOf = (cause: unknown): string => cause instanceof Error && "code" in cause ? String(cause.code) : ""

const silently = "its processes ended without a word, as those do that somebody kills"
const advice = "`contree-local doctor` may know more"

/** A failed system call. */
export const systemError = (tried: string, cause: unknown): BoxError => {
  const code = codeOf(cause)
  const text = cause instanceof Error ? cause.message : String(cause)
  return code === "ENOSPC" || code === "EDQUOT"
    ? withReason("DiskFull", `${tried}: no space left on the store's file system. Free some, or move the store`)
    : withReason("StartFailed", `${tried}: ${text}`)
}

/** A failed system call in a chain's room, which goes with the chain: what is not there any more says that it is over. */
export const roomError = (tried: string, cause: unknown): BoxError => {
  switch (codeOf(cause)) {
    case "ENOENT":
    case "ESRCH":
      return withReason("StartFailed", `${tried}: ${silently}; ${advice}`)
    case "ENOSPC":
      return withReason(
        "DiskFull",
        `${tried}: the inputs and arguments of the processes of one run have 256 MiB together; let some of them end`
      )
    default:
      return systemError(tried, cause)
  }
}

const startAdvice: Readonly<Record<string, string>> = {
  ENOENT: ". Was it removed? `contree-local doctor` looks again",
  EMFILE: ". This program has too many files open: close some, run less at once, or raise `ulimit -n`",
  ENFILE: ". The machine has too many files open: close some, or raise the sysctl fs.file-max",
  EAGAIN: ". Too many processes: end some, or raise `ulimit -u`"
}

/** Why there was no run: `message` is the chain's own, `said` what its programs wrote to their error output. */
export const startError = (message: string, said: string, exit: ChainExit, store: string): BoxError => {
  if (exit.error !== undefined) {
    const code = codeOf(exit.error)
    return withReason(
      code === "ENOENT" ? "MissingTool" : "StartFailed",
      `starting the run: ${exit.error.message}${startAdvice[code] ?? ""}`
    )
  }
  const failed = /^fail (\S+) ([\s\S]*)$/m.exec(message)
  if (failed !== null) return refused(failed[1] ?? "", (failed[2] ?? "").trim(), store)
  const how = exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`
  const isKnown = exit.signal !== null || exit.code !== null
  const silent = isKnown ? "no message" : silently
  const known = isKnown ? ` (${how})` : ""
  return refused("box", `${said.trim() || silent}${known}; ${advice}`, store)
}

/** What the engine itself did to the run. */
export interface Interventions {
  readonly timedOut: boolean
  readonly sizeCap: BoxReport["sizeCap"]
}

/** The report of a command that did start. */
export const report = (run: {
  readonly spec: BoxSpec
  readonly pid: number
  readonly startedAt: number
  readonly exit: ChainExit
  readonly text: string
  readonly rssFactor: number
  readonly interventions: Interventions
}): BoxReport => {
  const { exit, interventions } = run
  const found = ShimReport.parse(run.text, run.spec.operationId, run.rssFactor)
  // a command that ended by itself in the moment before it would have been killed did end by itself
  const timedOut = interventions.timedOut && !Option.exists(found, (shim) => shim.signal !== 9)
  const ours = timedOut || Option.isSome(interventions.sizeCap)
  const common = {
    pid: run.pid,
    timedOut,
    coreDump: false,
    durationMs: Math.max(0, Math.round(exit.at - run.startedAt)),
    resources: Option.map(found, (shim) => shim.resources),
    sizeCap: interventions.sizeCap
  }
  if (Option.isSome(found)) {
    return { ...common, code: found.value.code, signal: found.value.signal, killedFromOutside: false }
  }
  if (ours) return { ...common, code: -1, signal: 9, killedFromOutside: false }
  // Without `time`'s report nobody knows how the command ended, and half of its work may be missing. bubblewrap's own
  // 128 + n is no witness: it says the same for an init that was killed from the host, for a `time` that was, and for a
  // command that killed everything around it (`kill -9 -1`). So that last one fails too.
  return { ...common, code: -1, signal: -1, killedFromOutside: true }
}
