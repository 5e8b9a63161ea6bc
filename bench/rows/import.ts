/** What the SDK costs before it does anything: time to load it, and bytes to send to a browser. */
import { build } from "esbuild"
import { execFile } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"
import { join } from "../../scripts/join.js"
import { statsOf } from "../Harness.js"
import type { Metric, Row } from "../Harness.js"

const run = promisify(execFile)

/** where the process of a row was started */
const out = ".bench/import"
const packages = /^(?:effect|@effect\/platform)\//

const filesBelow = (folder: string, suffix: string): ReadonlyArray<string> =>
  readdirSync(folder, { encoding: "utf8", recursive: true })
    .filter((name) => name.endsWith(suffix))
    .map((name) => `${folder}/${name}`)

/** all modules of Effect that the SDK loads */
const floor = (): string => {
  const found = new Set<string>()
  for (const file of filesBelow(`${out}/src`, ".js")) {
    for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/from "([^"]+)"/g)) {
      if (packages.test(name)) found.add(name)
    }
  }
  return [...found].map((name) => `import "${name}"\n`).join("")
}

interface Loading {
  readonly effect: number
  /** of all: Effect's modules are what the SDK finds loaded */
  readonly ours: number
}

/** in ms, each time in a process of its own */
const loading = async (): Promise<Loading> => {
  const script =
    `const from = performance.now(); await import("./${out}/floor.js"); const effect = performance.now() - from
    await import("./${out}/src/index.js"); console.log(JSON.stringify({ effect, ours: performance.now() - from }))`
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script])
  return JSON.parse(stdout)
}

const program = `import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Command from "effect-contree/Command"
import * as Contree from "effect-contree/Contree"
import * as Images from "effect-contree/Images"
Effect.flatMap(Images.Images, (images) => images.use("busybox")).pipe(
  Effect.flatMap((image) => image.run(Command.exec("true"))),
  Effect.provide(Contree.layerEnv.pipe(Layer.provide(FetchHttpClient.layer))),
  Effect.runPromise
)
`

/** in KB, gzipped */
const bundle = async (external: ReadonlyArray<string>): Promise<number> => {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: ".", loader: "ts" },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: [...external],
    tsconfig: "tsconfig.json",
    logLevel: "error"
  })
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length / 1000
}

export const row: Row = {
  name: "import",
  run: async ({ quick, rounds }) => {
    mkdirSync(out, { recursive: true })
    await join(`${out}/src`)
    writeFileSync(`${out}/floor.js`, floor())
    if (!quick) await loading()
    const found: Array<Loading> = []
    for (let n = 0; n < rounds; n++) found.push(await loading())
    const [ours, effect] = [statsOf(found.map(({ ours }) => ours)), statsOf(found.map(({ effect }) => effect))]
    const [whole, own] = [await bundle([]), await bundle(["effect/*", "@effect/platform/*"])]
    const metric = (metric: string, values: Pick<Metric, "ours" | "peer" | "limit" | "unit" | "reach">): Metric => ({
      name: "import",
      metric,
      higher: false,
      ...values
    })
    return [
      metric("time to load everything", {
        ours: ours.median,
        peer: { "effect alone": effect.median },
        limit: effect.median,
        reach: effect.median + 25,
        unit: "ms"
      }),
      metric("a program of one run, gzipped", {
        ours: whole,
        peer: { "effect's part": whole - own },
        limit: whole - own,
        reach: whole - own + 25,
        unit: "KB"
      })
    ]
  }
}
