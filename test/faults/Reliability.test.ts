import { it } from "@effect/vitest"
import { Effect } from "effect"
import { expect } from "vitest"
import * as Faulty from "../../scripts/reliability/Faulty.js"
import * as Interrupted from "../../scripts/reliability/Interrupted.js"

// `npm run reliability` does this by the thousand.
it.live("a few runs under seeded faults end as their scripts say", () =>
  Effect.gen(function*() {
    const verdicts = yield* Faulty.all({ seed: 1, count: 15, concurrency: 5, report: () => Effect.void })
    expect(verdicts.filter(({ wrong }) => wrong !== undefined)).toEqual([])
    expect(verdicts.filter(({ recoverable }) => recoverable).length).toBeGreaterThan(5)
    expect(verdicts.filter(({ recoverable }) => !recoverable).length).toBeGreaterThan(0)
  }))

it.live("a few runs interrupted at seeded moments leave nothing", () =>
  Effect.gen(function*() {
    const outcome = yield* Interrupted.all({ seed: 1, count: 24, concurrency: 6 })
    expect([outcome.stillRunning, outcome.fibersLeft, outcome.resourcesLeft]).toEqual([0, 0, []])
    // some were interrupted before their spawn left, and all that had begun have an end
    expect(outcome.interrupted).toBe(24)
    expect(outcome.begun).toBeGreaterThan(0)
    expect(outcome.begun).toBeLessThanOrEqual(24)
    expect(Object.values(outcome.ended).reduce((sum, n) => sum + n, 0)).toBe(outcome.begun)
  }))
