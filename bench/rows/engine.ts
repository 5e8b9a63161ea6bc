/** The embedded engine, against bubblewrap on the same mount and nothing else. */
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Command from "effect-contree/Command"
import type * as Contree from "effect-contree/Contree"
import type * as Image from "effect-contree/Image"
import * as Images from "effect-contree/Images"
import { ContreeLocal } from "contree-local"
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { atOnce, compared, contest, perSecond, statsOf } from "../Harness.js"
import type { Metric, Row, Settings } from "../Harness.js"

const execute = promisify(execFile)

type Engine = ManagedRuntime.ManagedRuntime<Contree.Contree, unknown>
type Kept = Image.KeptImage

const base = Effect.flatMap(Images.Images, (images) => images.use("busybox:latest", { strict: true }))

const once = async (work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** The collection of garbage before each turn has V8 forget much of what it knew: the first after it is not counted. */
const settled = async (work: () => Promise<unknown>): Promise<number> => {
  await work()
  return once(work)
}

const succeeds = (runtime: Engine, image: Pick<Kept, "run">) => (): Promise<void> =>
  runtime.runPromise(Effect.asVoid(image.run(Command.exec("true"), { check: true })))

const keeps = async (runtime: Engine, image: Pick<Kept, "run">, script: string): Promise<Kept> =>
  (await runtime.runPromise(
    image.run(Command.shell(script), { disposable: false, check: true, timeout: "10 minutes" })
  ))
    .image

// ------------------------------------------------------------------------------------------------------------- by hand

const script = `mount -t overlay overlay -o "$1" "$2" && exec bwrap --bind "$2" / --dev /dev --proc /proc \
  --tmpfs /tmp --unshare-pid --unshare-ipc --unshare-uts --unshare-net --die-with-parent --clearenv /bin/true`

/** What an engine of one line would do: an overlay on the image's layer, and bubblewrap in it. */
const bare = (store: string): () => Promise<void> => {
  const layers = readdirSync(join(store, "l"))
  if (layers.length !== 1) throw new Error(`the base image has ${layers.length} layers, and not one`)
  const lower = join(store, "l", layers[0]!)
  const own = mkdtempSync(join(store, "tmp", "bare-"))
  const view = join(own, "view")
  mkdirSync(view)
  let count = 0
  return async () => {
    const [upper, work] = ["u", "w"].map((name) => join(own, `${name}${count}`)) as [string, string]
    count++
    mkdirSync(upper)
    mkdirSync(work)
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},volatile`
    await execute("unshare", [
      "-m",
      ...(process.getuid?.() === 0 ? [] : ["-r"]),
      "sh",
      "-c",
      script,
      "sh",
      options,
      view
    ])
    rmSync(upper, { recursive: true })
    rmSync(work, { recursive: true })
  }
}

const podman = async (): Promise<(() => Promise<unknown>) | undefined> => {
  const run = () => execute("podman", ["run", "--rm", "busybox", "true"])
  try {
    await run()
    return run
  } catch {
    return undefined
  }
}

// -------------------------------------------------------------------------------------------------------------- figures

/** `--quick` is for seeing whether anything is much slower than it was: few turns of what takes longest. */
const turnsOf = ({ quick, rounds }: Settings) => ({ single: rounds, many: quick ? 3 : rounds })

const against = async (settings: Settings, run: () => Promise<unknown>, by: () => Promise<unknown>) => {
  const { many, single } = turnsOf(settings)
  const { quick } = settings
  const also = await podman()
  const contestants = { "contree-local": run, "bare bwrap": by, ...(also === undefined ? {} : { podman: also }) }
  const turns = (rounds: number, measure: (work: () => Promise<unknown>) => Promise<number>) =>
    contest(Object.fromEntries(Object.entries(contestants).map(([name, work]) => [name, () => measure(work)])), rounds)
  const about = { name: "engine", ours: "contree-local", limit: "bare bwrap" }
  const rate = async (count: number, concurrency: number, rounds: number): Promise<Metric> =>
    compared(await turns(rounds, (work) => perSecond(count, () => atOnce(count, concurrency, work))), {
      ...about,
      metric: `${concurrency} at a time`,
      unit: "runs/s",
      higher: true,
      reach: (limit) => 0.4 * limit
    })
  const latency = { ...about, unit: "ms", higher: false }
  const young = quick ? [] : [
    compared(await turns(single, once), { ...latency, metric: "`true`, while the process is young" })
  ]
  // what V8 has not compiled yet takes longer: an engine that has been up for a while has most of it
  if (!quick) await atOnce(768, 16, run)
  return [
    ...young,
    compared(await turns(single, settled), { ...latency, metric: "`true`", reach: (limit) => 2.5 * limit }),
    ...(quick ? [] : [await rate(16, 1, many)]),
    await rate(quick ? 16 : 64, 16, many)
  ]
}

const commit = async (runtime: Engine, image: Kept, settings: Settings): Promise<Metric> => {
  const write = (disposable: boolean) => () =>
    settled(() =>
      runtime.runPromise(image.run(Command.shell("echo $RANDOM$RANDOM > /kept"), { disposable, check: true }))
    )
  const stats = await contest({ kept: write(false), "thrown away": write(true) }, turnsOf(settings).single)
  const about = { name: "engine", metric: "a run whose files are kept", unit: "ms", higher: false }
  return compared(stats, { ...about, ours: "kept", limit: "thrown away" })
}

/** `true` in images that differ in one thing only, the simplest of them first */
const alike = async (
  runtime: Engine,
  rounds: number,
  images: Readonly<Record<string, Kept>>,
  about: { readonly metric: string; readonly reach: number }
): Promise<Metric> => {
  const stats = await contest(
    Object.fromEntries(Object.entries(images).map(([name, image]) => [name, () => settled(succeeds(runtime, image))])),
    rounds
  )
  const names = Object.keys(images)
  return compared(stats, {
    name: "engine",
    metric: about.metric,
    unit: "ms",
    higher: false,
    ours: names.at(-1) ?? "",
    limit: names[0] ?? "",
    reach: (limit) => about.reach * limit
  })
}

/** A layer that has all of the image is one that a commit made of many. */
const newestIsWhole = (store: string): boolean => {
  const newest = Math.max(
    ...readdirSync(join(store, "l")).map((name) => Number.parseInt(name, 36)).filter(Number.isFinite)
  )
  return existsSync(join(store, "l", newest.toString(36), "bin"))
}

const depths = async (
  runtime: Engine,
  store: string,
  image: Kept,
  settings: Settings
): Promise<ReadonlyArray<Metric>> => {
  const wanted = [1, 24, 500]
  const images: Record<string, Kept> = {}
  const took: Record<"plain" | "flattening", Array<number>> = { plain: [], flattening: [] }
  let at = image
  for (let depth = 1; depth <= wanted.at(-1)!; depth++) {
    const time = await once(async () => {
      at = await keeps(runtime, at, `echo ${depth} > /depth`)
    })
    took[newestIsWhole(store) ? "flattening" : "plain"].push(time)
    if (wanted.includes(depth)) images[`depth ${depth}`] = at
  }
  const about = { name: "engine", metric: "a kept run that flattens", unit: "ms", higher: false }
  return [
    await alike(runtime, settings.rounds, images, { metric: "`true` in the deepest image", reach: 1.5 }),
    compared({ flattening: statsOf(took.flattening), plain: statsOf(took.plain) }, {
      ...about,
      ours: "flattening",
      limit: "plain"
    })
  ]
}

const sizes = async (runtime: Engine, image: Kept, settings: Settings): Promise<Metric> => {
  const small = await keeps(runtime, image, "head -c 10000000 /dev/zero > /big")
  const large = await keeps(runtime, image, "head -c 1000000000 /dev/zero > /big")
  const images = { "10 MB": small, "1 GB": large }
  return alike(runtime, settings.rounds, images, { metric: "`true` in an image of 1 GB", reach: 1.3 })
}

export const row: Row = {
  name: "engine",
  run: async (settings) => {
    const store = mkdtempSync(join(tmpdir(), "contree-bench-"))
    const runtime = ManagedRuntime.make(ContreeLocal.layer({ store }))
    try {
      const image = await runtime.runPromise(base)
      const metrics = await against(settings, succeeds(runtime, image), bare(store))
      metrics.push(await commit(runtime, image, settings))
      if (settings.quick) return metrics
      return [...metrics, ...(await depths(runtime, store, image, settings)), await sizes(runtime, image, settings)]
    } finally {
      await runtime.dispose()
      rmSync(store, { recursive: true, force: true })
    }
  }
}
