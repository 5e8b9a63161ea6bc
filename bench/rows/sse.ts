/** The decoder of event streams alone, on bytes that are there already. */
import { createParser } from "eventsource-parser"
import { Decoder } from "../../src/internal/Sse.js"
import { compared, contest, quantile } from "../Harness.js"
import type { Metric, Row } from "../Harness.js"

const frame = (id: number, size: number): string =>
  `id: ${id}\nevent: stdout\ndata: ${JSON.stringify({ id, value: "x".repeat(size) })}\n\n`

const chunksOf = (bytes: Buffer, size: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))

const frames = (count: number, size: number): ReadonlyArray<Buffer> =>
  Array.from({ length: count }, (_, id) => Buffer.from(frame(id, size)))

interface Shape {
  readonly name: string
  readonly chunks: ReadonlyArray<Uint8Array>
  readonly frames: number
}

const mebibyte = 1024 * 1024

/** about 4 MiB each */
const shapes: ReadonlyArray<Shape> = [
  {
    name: "lines of 80 B in chunks of 64 KiB",
    chunks: chunksOf(Buffer.concat(frames(32_000, 80)), 65_536),
    frames: 32_000
  },
  { name: "one frame of 80 B a chunk", chunks: frames(32_000, 80), frames: 32_000 },
  {
    name: "lines of 1 KiB in chunks of 64 KiB",
    chunks: chunksOf(Buffer.concat(frames(4000, 1024)), 65_536),
    frames: 4000
  },
  { name: "base64 frames of 48 KiB", chunks: chunksOf(Buffer.concat(frames(64, 65_536)), 65_536), frames: 64 },
  { name: "a frame of 2 MiB in chunks of 16 KiB", chunks: chunksOf(frames(1, 2 * mebibyte)[0]!, 16_384), frames: 1 }
]

const expect = (found: number, shape: Shape): void => {
  if (found !== shape.frames) throw new Error(`${shape.name}: ${found} frames and not ${shape.frames}`)
}

const ours = (shape: Shape): void => {
  const decoder = new Decoder()
  let found = 0
  for (const bytes of shape.chunks) found += decoder.push(bytes).length
  expect(found, shape)
}

const theirs = (shape: Shape): void => {
  let found = 0
  const parser = createParser({ onEvent: () => void found++ })
  const text = new TextDecoder()
  for (const bytes of shape.chunks) parser.feed(text.decode(bytes, { stream: true }))
  expect(found, shape)
}

const speed = (shape: Shape, decode: (shape: Shape) => void, repeat: number) => (): number => {
  const size = shape.chunks.reduce((sum, bytes) => sum + bytes.length, 0)
  const started = performance.now()
  for (let n = 0; n < repeat; n++) decode(shape)
  return (size * repeat) / 1e6 / ((performance.now() - started) / 1000)
}

/** how much longer each byte takes in a frame four times as large: once as long where nothing is copied again and again */
const growth = (): Metric => {
  const timeOf = (size: number): number => {
    const chunks = chunksOf(frames(1, size)[0]!, 16_384)
    const times = Array.from({ length: 9 }, () => {
      const started = performance.now()
      ours({ name: "growth", chunks, frames: 1 })
      return (performance.now() - started) / size
    })
    return quantile(times, 0.5)
  }
  timeOf(mebibyte)
  const ratio = timeOf(8 * mebibyte) / timeOf(2 * mebibyte)
  return {
    name: "sse",
    metric: "a frame of 8 MiB to one of 2 MiB, per byte",
    ours: ratio,
    peer: {},
    limit: 1,
    unit: "times",
    higher: false,
    reach: 2
  }
}

export const row: Row = {
  name: "sse",
  run: async ({ quick, rounds }) => {
    const metrics: Array<Metric> = []
    for (const shape of shapes) {
      const repeat = quick ? 2 : 8
      const stats = await contest({
        "effect-contree": speed(shape, ours, repeat),
        "eventsource-parser": speed(shape, theirs, repeat)
      }, rounds)
      metrics.push(compared(stats, {
        name: "sse",
        metric: shape.name,
        unit: "MB/s",
        higher: true,
        ours: "effect-contree",
        limit: "eventsource-parser",
        reach: (limit) => 0.9 * limit
      }))
    }
    return [...metrics, growth()]
  }
}
