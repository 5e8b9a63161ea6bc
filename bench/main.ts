/**
 * `npm run bench`: how fast, how small, how it grows.
 *
 *   npm run bench                      every row
 *   npm run bench -- runs sse          these
 *   npm run bench -- --quick           the short ones, in less than a minute
 *   npm run bench -- --json FILE       the figures for a program
 *   npm run bench -- --write           the table into docs/performance.md
 */
import { build } from "esbuild"
import { fork } from "node:child_process"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus } from "node:os"
import { fileURLToPath } from "node:url"
import { isReached } from "./Harness.js"
import type { Metric } from "./Harness.js"
import { table } from "./Table.js"

const root = fileURLToPath(new URL("..", import.meta.url))
const out = `${root}.bench`

const all = ["runs", "first-byte", "sse", "events", "transfer", "streams", "cancel", "import", "engine", "soak"]
const short = ["runs", "sse", "events", "cancel", "import", "engine"]

/** Plain JavaScript, as it would be published: what runs TypeScript as it is wraps every function, and that costs. */
const compile = (): Promise<unknown> => {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  return build({
    entryPoints: [`${root}bench/row.ts`, `${root}bench/server.ts`],
    outdir: out,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    logLevel: "error",
    tsconfig: `${root}tsconfig.json`
  })
}

/** A collection of garbage that is asked for would else throw compiled code away, that of who rests most of all. */
const measure = (name: string, quick: boolean): Promise<ReadonlyArray<Metric>> =>
  new Promise((resolve, reject) => {
    const child = fork(`${out}/row.js`, [name, ...(quick ? ["--quick"] : [])], {
      execArgv: ["--expose-gc", "--no-flush-bytecode"],
      cwd: root
    })
    let metrics: ReadonlyArray<Metric> | undefined
    child.on("message", (message: ReadonlyArray<Metric>) => {
      metrics = message
    })
    child.once("error", reject)
    child.once("exit", (code) => {
      if (metrics === undefined || code !== 0) reject(new Error(`the row ${name} ended with ${code}`))
      else resolve(metrics)
    })
  })

interface Asked {
  readonly names: ReadonlyArray<string>
  readonly quick: boolean
  readonly json: string | undefined
  readonly write: boolean
}

const parse = (args: ReadonlyArray<string>): Asked => {
  const quick = args.includes("--quick")
  const at = args.indexOf("--json")
  const names = args.filter((arg, i) => !arg.startsWith("--") && (at === -1 || i !== at + 1))
  const unknown = names.filter((name) => !all.includes(name))
  if (unknown.length > 0) throw new Error(`no row is called ${unknown.join(", ")}; there are ${all.join(", ")}`)
  return {
    names: names.length > 0 ? names : quick ? short : all,
    quick,
    json: at === -1 ? undefined : args[at + 1],
    write: args.includes("--write")
  }
}

const machine = (): string => `${availableParallelism()} cores of ${cpus()[0]?.model.trim()}, Node ${process.version}`

/** what the page says of the figures of others stays; between the two marks is the table */
const write = (metrics: ReadonlyArray<Metric>): void => {
  const page = `${root}docs/performance.md`
  const marks = /(<!-- table -->\n)[^]*(<!-- end of table -->)/
  const text = readFileSync(page, "utf8")
  if (!marks.test(text)) throw new Error("docs/performance.md has no place for the table")
  writeFileSync(page, text.replace(marks, (_, from, to) => `${from}\n${machine()}\n\n${table(metrics)}\n\n${to}`))
}

const main = async ({ json, names, quick, write: isWritten }: Asked): Promise<void> => {
  const started = performance.now()
  await compile()
  const metrics: Array<Metric> = []
  for (const name of names) {
    const from = performance.now()
    metrics.push(...(await measure(name, quick)))
    process.stderr.write(`${name}: ${((performance.now() - from) / 1000).toFixed(1)} s\n`)
  }
  rmSync(out, { recursive: true, force: true })
  console.log(`\n${machine()}\n\n${table(metrics)}\n`)
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(metrics, null, 2)}\n`)
  if (isWritten) write(metrics)
  const missed = metrics.filter((metric) => !isReached(metric))
  console.log(
    `${metrics.length} figures in ${((performance.now() - started) / 1000).toFixed(0)} s, ${missed.length} short`
  )
}

await main(parse(process.argv.slice(2)))
