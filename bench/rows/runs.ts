/** Spawn, follow, result: what a run costs where the server answers at once. */
import { effectRunner, fetchRun, layers, pool, runner, sdk, undiciRun } from "../clients.js"
import { atOnce, compared, contest, perSecond } from "../Harness.js"
import type { Metric, Row, Settings } from "../Harness.js"

const check = async (one: () => Promise<string>): Promise<void> => {
  const printed = await one()
  if (printed !== "hello\n") throw new Error(`a run printed ${JSON.stringify(printed)}`)
}

const level = async (settings: Settings, concurrency: number): Promise<Metric> => {
  const { quick, server: { url } } = settings
  const count = Math.max(quick ? 12 : 200, concurrency)
  const raw = pool(url)
  const names = Object.keys(layers).slice(0, quick ? 1 : undefined)
  const runtimes = names.map((name) => sdk(url, layers[name as keyof typeof layers]))
  const runs = await Promise.all(runtimes.map((runtime) => runner(runtime)))
  const ones: Record<string, () => Promise<string>> = {
    "raw undici": () => undiciRun(raw),
    "plain fetch": () => fetchRun(url),
    ...(quick ? {} : { "Effect without the SDK": await effectRunner(url) }),
    ...Object.fromEntries(names.map((name, i) => [name, runs[i]!]))
  }
  for (const one of Object.values(ones)) await check(one)
  const stats = await contest(
    Object.fromEntries(
      Object.entries(ones).map(([name, one]) => [name, () => perSecond(count, () => atOnce(count, concurrency, one))])
    ),
    // six contestants at three levels: more rounds take a quarter of an hour
    9
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

/** Of a program that has run for a while all that counts is compiled. */
const warm = async ({ quick, server: { url } }: Settings): Promise<void> => {
  const runtime = sdk(url, layers["effect-contree"])
  const run = await runner(runtime)
  await atOnce(quick ? 150 : 3000, 16, run)
  await runtime.dispose()
}

export const row: Row = {
  name: "runs",
  run: async (settings) => {
    await warm(settings)
    const metrics: Array<Metric> = []
    for (const concurrency of settings.quick ? [1, 64] : [1, 64, 512]) metrics.push(await level(settings, concurrency))
    return metrics
  }
}
