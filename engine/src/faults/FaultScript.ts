/**
 * Scripts from seeds, and what a run under one must come to. Both speak of one command that is run on a fresh client:
 * spawned once, followed to its end, its status read at last.
 *
 * @since 0.1.0
 */
import type { Fault, Rule, Script } from "./Fault.js"

/** numbers below a bound, the same for a seed everywhere: xorshift of 32 bits, stirred so that near seeds differ */
const numbers = (seed: number): (below: number) => number => {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0
  if (state === 0) state = 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

type Next = (below: number) => number

const pick = <A>(next: Next, all: readonly [A, ...ReadonlyArray<A>]): A => all[next(all.length)] ?? all[0]

const retryAfters = [undefined, "0", "1", "0.2"] as const

const later = (next: Next, statuses: readonly [number, ...ReadonlyArray<number>]): Fault => {
  const retryAfter = pick(next, retryAfters)
  const status = pick(next, statuses)
  return { _tag: "Status", status, ...(retryAfter === undefined ? {} : { retryAfter }) }
}

const how = ["reset", "close"] as const

/** what a follower must get over, one connection at a time */
const ofEvents = (next: Next, length: number): Fault => {
  const bytes = next(length)
  switch (next(14)) {
    case 0:
      return { _tag: "Refuse" }
    case 1:
      return { _tag: "DropAnswer" }
    case 2:
      return { _tag: "Stall", bytes }
    case 3:
    case 4:
      return { _tag: "Cut", bytes, how: pick(next, how) }
    case 5:
      return { _tag: "TruncateGzip", bytes }
    case 6:
      return { _tag: "DuplicateFrames" }
    case 7:
      return { _tag: "SseError", frames: next(20) }
    case 8:
      return later(next, [425, 429, 410, 500, 502, 503, 504])
    case 9:
      return { _tag: "Status", status: 404 }
    case 10:
      return { _tag: "CloseIdle" }
    case 11:
      return { _tag: "HalfOpen" }
    case 12:
      return { _tag: "Unreachable", millis: 20 + next(300) }
    default:
      return { _tag: "Drip", bytes: 64 * 1024, millis: 1 + next(10) }
  }
}

/** what a read is asked again for */
const ofOperation = (next: Next): Fault => {
  switch (next(6)) {
    case 0:
      return { _tag: "Refuse" }
    case 1:
      return { _tag: "DropAnswer" }
    case 2:
      return { _tag: "Cut", bytes: next(100), how: pick(next, how) }
    case 3:
      return { _tag: "TruncateGzip", bytes: next(100) }
    case 4:
      return later(next, [429, 500, 502, 503, 504])
    default:
      return { _tag: "CloseIdle" }
  }
}

/**
 * After most of these nobody knows whether the run began, and it must not be asked for again. An answer whose body breaks
 * off has named the run in its `Location`.
 */
const hardOnSpawn = (next: Next): Fault => {
  switch (next(7)) {
    case 0:
      return { _tag: "Refuse" }
    case 1:
      return { _tag: "ResetAfterBody" }
    case 2:
    case 3:
      return { _tag: "DropAnswer" }
    case 4:
      return { _tag: "Cut", bytes: next(20), how: pick(next, how) }
    case 5:
      return { _tag: "TruncateGzip", bytes: next(20) }
    default:
      return { _tag: "Status", status: pick(next, [400, 401, 403, 404, 422, 500, 502, 503, 504]) }
  }
}

const harmlessToSpawn = (next: Next): ReadonlyArray<Rule> => {
  switch (next(4)) {
    case 0:
      return [{ route: "spawn", nth: 0, fault: { _tag: "Delay", millis: next(200) } }]
    case 1:
      return [{ route: "spawn", nth: 0, fault: { _tag: "CloseIdle" } }]
    case 2:
      return Array.from({ length: 1 + next(3) }, (_, nth): Rule => ({
        route: "spawn",
        nth,
        fault: { _tag: "Status", status: pick(next, [425, 429]) }
      }))
    default:
      return [{ route: "spawn", nth: 0, fault: { _tag: "Drip", bytes: 50, millis: 1 } }]
  }
}

/** at most so many reads in a row go wrong: a client that gives up sooner gives up too soon */
const readsInARow = 3

const rulesOf = (next: Next, length: number): ReadonlyArray<Rule> => {
  // a failed read at the end of a run that was followed without a break: nothing tells how it ended
  if (next(20) === 0) {
    const status = pick(next, [400, 401, 403, 404] as const)
    return [{ route: "operation", nth: 0, onwards: true, fault: { _tag: "Status", status } }]
  }
  const rules: Array<Rule> = []
  if (next(5) === 0) rules.push({ route: "spawn", nth: 0, fault: hardOnSpawn(next) })
  else if (next(2) === 0) rules.push(...harmlessToSpawn(next))
  const breaks = next(6)
  for (let nth = 0; nth < breaks; nth++) rules.push({ route: "events", nth, fault: ofEvents(next, length) })
  if (next(8) === 0) {
    // an events route that is not there at all: the status has to do
    const status = pick(next, [400, 405, 406] as const)
    rules.push({ route: "events", nth: breaks, onwards: true, fault: { _tag: "Status", status } })
  } else if (next(8) === 0) {
    rules.push({ route: "events", nth: breaks, fault: { _tag: "ReorderFrames", at: next(20) } })
  } else if (next(8) === 0) rules.push({ route: "events", nth: breaks, fault: { _tag: "Retry", millis: next(300) } })
  for (let nth = 0; nth < next(readsInARow + 1); nth++) {
    rules.push({ route: "operation", nth, fault: ofOperation(next) })
  }
  return rules
}

/**
 * A script for a run, the same for the same seed: of its breaks some are sure to end it, most must be got over. `length`
 * is about how many bytes the run's log has, 1 MiB unless told: breaks come anywhere in it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const generate = (seed: number, options: { readonly length?: number | undefined } = {}): Script => {
  const next = numbers(seed)
  const gzip = next(3) === 0
  return { seed, gzip, rules: rulesOf(next, options.length ?? 1024 * 1024) }
}

const saysLater = (fault: Fault): boolean => fault._tag === "Status" && (fault.status === 425 || fault.status === 429)

const harmless: ReadonlyArray<Fault["_tag"]> = ["Delay", "Drip", "CloseIdle", "Cut", "TruncateGzip", "Stall"]

const isFatalToSpawn = ({ fault, route }: Rule): boolean =>
  route === "spawn" && !saysLater(fault) && !harmless.includes(fault._tag)

const isFatalToReads = ({ fault, onwards, route }: Rule): boolean =>
  route === "operation" && onwards === true && fault._tag === "Status"

/**
 * Must a run under this script come to its end all the same, with every byte? Else it must fail, with an error that says
 * so. For scripts as `generate` makes them.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isRecoverable = (script: Script): boolean =>
  !script.rules.some((rule) => isFatalToSpawn(rule) || isFatalToReads(rule))
