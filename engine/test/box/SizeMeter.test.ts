import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as SizeMeter from "../../src/box/SizeMeter.js"
import * as Tools from "../../src/box/Tools.js"
import { eventually, isRoot, processesWith, removeFolder, temporaryFolder } from "./BoxFixture.js"

const mebibyte = 1024 * 1024

const folder = Effect.acquireRelease(
  Effect.sync(() => {
    const store = temporaryFolder()
    Fs.mkdirSync(`${store}/u/sub`, { recursive: true })
    return store
  }),
  (store) => Effect.sync(() => removeFolder(store))
)

const meterOn = (store: string, limitBytes: number, overrides: Partial<Tools.Tools> = {}) =>
  Effect.gen(function*() {
    const tools = { ...yield* Tools.resolve, ...overrides }
    const seen: Array<number> = []
    const meter = SizeMeter.start({
      store,
      upper: "u",
      limitBytes,
      mode: isRoot ? "root" : "user",
      tools,
      onExceeded: (bytes) => void seen.push(bytes)
    })
    return { meter, seen }
  })

const write = (path: string, mebibytes: number): void => Fs.writeFileSync(path, Buffer.alloc(mebibytes * mebibyte, 1))

it.scopedLive("the last look sees a layer that is too large although others freed more", () =>
  Effect.gen(function*() {
    const store = yield* folder
    write(`${store}/old`, 60)
    const { meter } = yield* meterOn(store, 20 * mebibyte)
    Fs.unlinkSync(`${store}/old`)
    write(`${store}/u/sub/new`, 30)
    expect(yield* Effect.promise(() => meter.finish())).toBeGreaterThan(29 * mebibyte)
  }))

it.scopedLive("so does the watching, in time", () =>
  Effect.gen(function*() {
    const store = yield* folder
    write(`${store}/old`, 60)
    const { meter, seen } = yield* meterOn(store, 20 * mebibyte)
    write(`${store}/u/sub/new`, 30)
    Fs.unlinkSync(`${store}/old`)
    yield* eventually("it is noticed", () => seen.length > 0)
    yield* Effect.promise(() => meter.stop())
    expect(seen.length).toBe(1)
  }))

it.scopedLive("stopping ends a measurement that is going on", () =>
  Effect.gen(function*() {
    const store = yield* folder
    // one that never comes to an end by itself
    Fs.writeFileSync(`${store}/du`, "#!/bin/sh\nkill -STOP $$\n", { mode: 0o755 })
    const { meter } = yield* meterOn(store, 1, { busybox: `${store}/du` })
    yield* eventually("it measures", () => processesWith(`${store}/u`).length > 0)
    yield* Effect.promise(() => meter.stop())
    expect(processesWith(`${store}/u`)).toEqual([])
  }))
