import { expect, it } from "@effect/vitest"
import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks"
import * as Scavenge from "../../src/node/internal/Scavenge.js"

const isMinor = (entry: PerformanceEntry): boolean => {
  const detail: unknown = "detail" in entry ? entry.detail : undefined
  return typeof detail === "object" && detail !== null && "kind" in detail &&
    detail.kind === constants.NODE_PERFORMANCE_GC_MINOR
}

it("has young objects collected in proportion to what was received", async () => {
  let minor = 0
  const observer = new PerformanceObserver((list) => {
    minor += list.getEntries().filter(isMinor).length
  })
  observer.observe({ entryTypes: ["gc"] })
  for (let n = 0; n < 256 * 1024 * 1024; n += 64 * 1024) Scavenge.count(64 * 1024)
  // entries are told of in a later turn of the loop
  for (let turn = 0; turn < 20 && minor < 2; turn++) await new Promise((resolve) => setTimeout(resolve, 10))
  observer.disconnect()
  expect(minor).toBeGreaterThanOrEqual(2)
})
