/** Large files down and up, and content that the server has already. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ContreeApi from "effect-contree/ContreeApi"
import * as File from "effect-contree/File"
import * as Files from "effect-contree/Files"
import * as Ids from "effect-contree/Ids"
import { createHash } from "node:crypto"
import { Readable } from "node:stream"
import type { Pool } from "undici"
import { layers, plain, pool, type Sdk, sdk, withBody } from "../clients.js"
import { alone, compared, contest } from "../Harness.js"
import type { Metric, Row } from "../Harness.js"
import { image } from "../serverBodies.js"

const id = Ids.ImageId.make(image)
const pathOf = (size: number): string => `/v1/inspect/${image}/download?path=/${size}`

const block = new Uint8Array(65_536)

function* zeros(size: number): Generator<Uint8Array> {
  for (let left = size; left > 0; left -= block.length) yield block.subarray(0, Math.min(left, block.length))
}

const expect = (found: number, size: number): void => {
  if (found !== size) throw new Error(`${found} bytes, and not ${size}`)
}

/** as a user has a file: a stream that may be read twice */
const streamOf = (size: number): Stream.Stream<Uint8Array> =>
  Stream.fromIterable({ [Symbol.iterator]: () => zeros(size) })

const work = {
  download: async (runtime: Sdk, size: number): Promise<void> => {
    const found = await runtime.runPromise(
      Effect.flatMap(
        ContreeApi.ContreeApi,
        (api) => Stream.runFold(api.downloadFile(id, `/${size}`), 0, (sum, bytes) => sum + bytes.length)
      )
    )
    expect(found, size)
  },
  upload: (runtime: Sdk, size: number): Promise<void> =>
    runtime.runPromise(
      Effect.asVoid(Effect.flatMap(ContreeApi.ContreeApi, (api) => api.uploadFile(streamOf(size), { size })))
    ),
  skip: (runtime: Sdk, size: number): Promise<void> =>
    runtime.runPromise(Effect.asVoid(Effect.flatMap(Files.Files, (files) => files.ensure(File.stream(streamOf(size))))))
}

/** no SDK, but an Effect stream: what of ours is Effect's */
const bare = (url: string) => {
  const runtime = plain()
  return async (size: number): Promise<void> => {
    const found = await runtime.runPromise(
      withBody(`${url}${pathOf(size)}`, (body) => Stream.runFold(body, 0, (sum, bytes) => sum + bytes.length))
    )
    expect(found, size)
  }
}

const raw = {
  download: async (on: Pool, size: number): Promise<void> => {
    const { body } = await on.request({ method: "GET", path: pathOf(size) })
    let found = 0
    for await (const bytes of body) found += bytes.length
    expect(found, size)
  },
  upload: async (on: Pool, size: number): Promise<void> => {
    const headers = { "content-length": String(size), "content-type": "application/octet-stream" }
    const body = Readable.from(zeros(size), { objectMode: false })
    await (await on.request({ method: "POST", path: "/v1/files", headers, body })).body.dump()
  },
  skip: (_: Pool, size: number): Promise<void> => {
    const hash = createHash("sha256")
    for (const bytes of zeros(size)) hash.update(bytes)
    hash.digest("hex")
    return Promise.resolve()
  }
}

type Way = keyof typeof work

const sentence = {
  download: "down",
  upload: "up",
  skip: "a file that the service has: hashed, and not sent"
} as const

const speed = (size: number, run: () => Promise<void>) => async (): Promise<number> => {
  const started = performance.now()
  await run()
  return size / 1e6 / ((performance.now() - started) / 1000)
}

const loaded = "with all modules loaded, before any transfer"

/** after one of each */
const alonePeers: Readonly<Record<string, (url: string, size: number) => Promise<void>>> = {
  "effect-contree": async (url, size) => {
    const runtime = sdk(url, layers["effect-contree"])
    await work.download(runtime, size)
    await work.upload(runtime, size)
    await runtime.dispose()
  },
  "raw undici": async (url, size) => {
    const on = pool(url)
    await raw.download(on, size)
    await raw.upload(on, size)
    await on.close()
  },
  [loaded]: () => Promise.resolve()
}

/** how large this process has been, in MB */
export const measureAlone = async (who: string, url: string, quick: boolean): Promise<number> => {
  await alonePeers[who]?.(url, sizeOf(quick))
  return process.resourceUsage().maxRSS / 1000
}

const sizeOf = (quick: boolean): number => (quick ? 64 : 1024) * 1024 * 1024

export const row: Row = {
  name: "transfer",
  run: async (settings) => {
    const { quick, rounds, server: { url } } = settings
    const size = sizeOf(quick)
    const on = pool(url)
    const runtime = sdk(url, layers["effect-contree"])
    const metrics: Array<Metric> = []
    const effect = bare(url)
    for (const way of Object.keys(work) as ReadonlyArray<Way>) {
      const limit = way === "skip" ? "node:crypto" : "raw undici"
      const contestants: Record<string, () => Promise<number>> = {
        "effect-contree": speed(size, () => work[way](runtime, size)),
        [limit]: speed(size, () => raw[way](on, size)),
        ...(way === "download" ? { "an Effect stream": speed(size, () => effect(size)) } : {})
      }
      const stats = await contest(contestants, Math.min(rounds, 9))
      const about = {
        name: "transfer",
        metric: sentence[way],
        unit: "MB/s",
        higher: true,
        ours: "effect-contree",
        limit
      }
      metrics.push(compared(stats, way === "skip" ? about : { ...about, reach: (value) => 0.8 * value }))
    }
    await runtime.dispose()
    await on.close()
    const largest: Record<string, number> = {}
    for (const who of Object.keys(alonePeers)) largest[who] = await alone("transfer", who, settings)
    const { "effect-contree": ours = Number.NaN, ...peer } = largest
    const about = { name: "transfer", metric: "largest size of the process", unit: "MB", higher: false }
    return [...metrics, { ...about, ours, peer, limit: 160, reach: 160 }]
  }
}
