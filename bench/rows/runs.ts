/** Spawn, follow, result: what a run costs where the server answers at once. */
import { fetchRun, layers, pool, runner, sdk, undiciRun } from "../clients.js"
import { atOnce, compared, contest, perSecond } from "../Harness.js"
import type { Metric, Row, Settings } from "../Harness.js"

const check = async (one: () => Promise<string>): Promise<void> => {
  const printed = await one()
  if (printed !== "hello\n") throw new Error(`a run printed ${JSON.stringify(printed)}`)
}

const level = async (settings: Settings, concurrency: number): Promise<Metric> => {
  const { quick, rounds, server: { url } } = settings
  const count = quick ? Math.max(24, concurrency * 2) : Math.max(100, concurrency * 4)
  const raw = pool(url)
  const names = quick && concurrency !== 64 ? ["effect-contree"] as const : Object.keys(layers)
  const runtimes = names.map((name) => sdk(url, layers[name as keyof typeof layers]))
  const runs = await Promise.all(runtimes.map((runtime) => runner(runtime)))
  const ones: Record<string, () => Promise<string>> = {
    "raw undici": () => undiciRun(raw),
    "plain fetch": () => fetchRun(url),
    ...Object.fromEntries(names.map((name, i) => [name, runs[i]!]))
  }
  for (const one of Object.values(ones)) await check(one)
  const stats = await contest(
    Object.fromEntries(
      Object.entries(ones).map(([name, one]) => [name, () => perSecond(count, () => atOnce(count, concurrency, one))])
    ),
    quick && concurrency === 512 ? 9 : rounds
  )
  for (const runtime of runtimes) await runtime.dispose()
  await raw.close()
  return compared(stats, {
    name: "runs",
    metric: `${concurrency} at a time`,
    unit: "runs/s",
    higher: true,
    ours: "effect-contree",
    limit: "raw undici",
    reach: (limit, of) => concurrency === 64 ? Math.max(0.6 * limit, 1.5 * of("plain fetch")) : 0.6 * limit
  })
}

export const row: Row = {
  name: "runs",
  run: async (settings) => {
    const metrics: Array<Metric> = []
    for (const concurrency of [1, 64, 512]) metrics.push(await level(settings, concurrency))
    return metrics
  }
}
