/** Contestants take turns, and what each took is kept: the figures of a row. */

import { fork } from "node:child_process"

export interface Metric {
  readonly name: string
  readonly metric: string
  readonly ours: number
  readonly peer: Readonly<Record<string, number>>
  /** what `ours` is held against: the fastest that there can be, or a bound */
  readonly limit: number
  readonly unit: string
  /** is more better? */
  readonly higher: boolean
  /** what `ours` must come to; none where it is only told */
  readonly reach?: number | undefined
  /** the smallest and the largest of `ours` */
  readonly spread?: readonly [number, number] | undefined
}

export interface Settings {
  readonly quick: boolean
  readonly rounds: number
  readonly server: Server
}

/** the other process */
export interface Server {
  readonly url: string
  /** what it has to say, by the name of the question */
  readonly ask: (question: string) => Promise<unknown>
}

export interface Row {
  readonly name: string
  readonly run: (settings: Settings) => Promise<ReadonlyArray<Metric>>
}

export interface Stats {
  readonly min: number
  readonly median: number
  readonly max: number
}

export const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

export const statsOf = (values: ReadonlyArray<number>): Stats => ({
  min: Math.min(...values),
  median: quantile(values, 0.5),
  max: Math.max(...values)
})

/** of the machine, the same in every process: nanoseconds since it was started */
export const now = (): number => Number(process.hrtime.bigint())

export const collectGarbage = (): void => {
  globalThis.gc?.()
}

/** One contestant in a process of its own: of memory, what another took before cannot be told apart. */
export const alone = (row: string, contestant: string, { quick, server }: Settings): Promise<number> =>
  new Promise((resolve, reject) => {
    const args = [row, `--alone=${contestant}`, `--url=${server.url}`, ...(quick ? ["--quick"] : [])]
    const child = fork(process.argv[1] ?? "", args, { execArgv: ["--expose-gc"] })
    child.once("message", (value: number) => {
      resolve(value)
      child.kill()
    })
    child.once("error", reject)
    child.once("exit", (code) => reject(new Error(`${row} of ${contestant} ended with ${code}`)))
  })

export type Contestants<K extends string> = { readonly [N in K]: () => Promise<number> | number }

/**
 * Each in turn, and in another order each round, so that no one always runs after the same other.
 * The first round is not counted: in it code is compiled and connections are made.
 */
export const contest = async <K extends string>(
  contestants: Contestants<K>,
  rounds: number
): Promise<{ readonly [N in K]: Stats }> => {
  const names = Object.keys(contestants) as Array<K>
  const values = new Map<K, Array<number>>(names.map((name) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    collectGarbage()
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round + names.length) % names.length]!
      const value = await contestants[name]()
      if (round >= 0) values.get(name)!.push(value)
    }
  }
  return Object.fromEntries(names.map((name) => [name, statsOf(values.get(name)!)])) as { [N in K]: Stats }
}

/** How many a second, of `count` that `work` does. */
export const perSecond = async (count: number, work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now()
  await work()
  return count / ((performance.now() - started) / 1000)
}

/** `count` times, so many of them at once. */
export const atOnce = async (count: number, concurrency: number, one: () => Promise<unknown>): Promise<void> => {
  let begun = 0
  const worker = async (): Promise<void> => {
    while (begun < count) {
      begun++
      await one()
    }
  }
  await Promise.all(Array.from({ length: Math.min(count, concurrency) }, worker))
}

/** The medians of a contest as a metric: `ours` and `limit` by name, the others are peers. */
export const compared = (
  stats: Readonly<Record<string, Stats>>,
  about: Pick<Metric, "name" | "metric" | "unit" | "higher"> & {
    readonly ours: string
    readonly limit: string
    readonly reach?: (limit: number, of: (name: string) => number) => number
  }
): Metric => {
  const { limit, name, ours, metric, reach, unit, higher } = about
  const of = (key: string): number => stats[key]?.median ?? Number.NaN
  const mine = stats[ours]
  return {
    name,
    metric,
    ours: of(ours),
    peer: Object.fromEntries(Object.keys(stats).filter((key) => key !== ours).map((key) => [key, of(key)])),
    limit: of(limit),
    unit,
    higher,
    ...(mine === undefined ? {} : { spread: [mine.min, mine.max] as const }),
    ...(reach === undefined ? {} : { reach: reach(of(limit), of) })
  }
}

export const isReached = ({ higher, ours, reach }: Metric): boolean =>
  reach === undefined || (higher ? ours >= reach : ours <= reach)
