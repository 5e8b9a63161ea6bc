/** Looks at what V8 collects. */
import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks"

const isMinor = (entry: PerformanceEntry): boolean => {
  const detail: unknown = "detail" in entry ? entry.detail : undefined
  return typeof detail === "object" && detail !== null && "kind" in detail &&
    detail.kind === constants.NODE_PERFORMANCE_GC_MINOR
}

/** How often young objects are collected while it works, as far as is told soon after; at most `enough` are waited for. */
export const minorCollections = async (work: () => void, enough: number): Promise<number> => {
  let minor = 0
  const observer = new PerformanceObserver((list) => {
    minor += list.getEntries().filter(isMinor).length
  })
  observer.observe({ entryTypes: ["gc"] })
  work()
  // entries are told of in a later turn of the loop
  for (let turn = 0; turn < 20 && minor < enough; turn++) await new Promise((resolve) => setTimeout(resolve, 10))
  observer.disconnect()
  return minor
}
