/** The figures as a table, and where they stand in the page. */
import { readFileSync, writeFileSync } from "node:fs"
import type { Verdict } from "./Faulty.js"
import type { Outcome } from "./Interrupted.js"

const row = (what: string, figure: number | string): string => `| ${what} | ${figure} |`

const count = (all: ReadonlyArray<Verdict>, holds: (verdict: Verdict) => boolean): number => all.filter(holds).length

const percentile = (sorted: ReadonlyArray<number>, share: number): string =>
  ((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) / 1000).toFixed(1)

export const ofFaults = (verdicts: ReadonlyArray<Verdict>, seed: number): ReadonlyArray<string> => {
  const times = verdicts.map(({ millis }) => millis).sort((a, b) => a - b)
  return [
    `| under faults, seeds ${seed} to ${seed + verdicts.length - 1} | |`,
    "|---|---|",
    row("runs of 1 MiB, each through a proxy with a script of its own", verdicts.length),
    row("faults met", verdicts.reduce((sum, { faults }) => sum + faults, 0)),
    row(
      "recoverable: ended with the exact bytes and the right exit",
      count(verdicts, (v) => v.recoverable && !v.wrong)
    ),
    row("not recoverable: ended with a typed error", count(verdicts, (v) => !v.recoverable && v.wrong === undefined)),
    row("recoverable, but failed", count(verdicts, ({ wrong }) => wrong === "failure")),
    row("succeeded where it must not", count(verdicts, ({ wrong }) => wrong === "success")),
    row("bytes lost, doubled or misplaced, or a wrong exit", count(verdicts, ({ wrong }) => wrong === "bytes")),
    row("an error without a type", count(verdicts, ({ wrong }) => wrong === "defect")),
    row("still going on after 15 minutes", count(verdicts, ({ wrong }) => wrong === "hang")),
    row("spawned twice", count(verdicts, ({ wrong }) => wrong === "spawns")),
    row("seconds: half / 99 of 100 / all within", [0.5, 0.99, 1].map((share) => percentile(times, share)).join(" / "))
  ]
}

export const ofInterrupts = (outcome: Outcome, seed: number): ReadonlyArray<string> => [
  `| interrupted at any moment, seed ${seed} | |`,
  "|---|---|",
  row("runs interrupted", outcome.interrupted),
  row("of them begun on the engine", outcome.begun),
  row("how those ended", Object.entries(outcome.ended).map(([status, n]) => `${n} ${status}`).join(", ")),
  row("still running five seconds later", outcome.stillRunning),
  row("fibers left once the layer was closed", outcome.fibersLeft),
  row("sockets, processes and timers left", outcome.resourcesLeft.length),
  row("slowest interruption, in seconds", (outcome.slowestMillis / 1000).toFixed(1))
]

export const isGood = (verdicts: ReadonlyArray<Verdict>, outcome: Outcome | undefined): boolean =>
  verdicts.every(({ wrong }) => wrong === undefined) &&
  (outcome === undefined ||
    (outcome.stillRunning === 0 && outcome.fibersLeft === 0 && outcome.resourcesLeft.length === 0))

const begin = "<!-- figures: npm run reliability -->"
const end = "<!-- end of figures -->"

/** Puts the lines between the marks of a page. */
export const write = (page: string, lines: ReadonlyArray<string>): void => {
  const text = readFileSync(page, "utf8")
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`${page} has no place for figures: ${begin} and ${end}`)
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n\n${lines.join("\n")}\n\n${text.slice(to)}`)
}
