import { expect, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { PassThrough } from "node:stream"
import type { ChainExit } from "../../src/box/LiveChain.js"
import * as LiveChain from "../../src/box/LiveChain.js"

it("ends what was left behind by an unshare that was killed while it forked", async () => {
  const gone = spawnSync("true").pid
  const control = new PassThrough()
  let end = (_exit: ChainExit): void => {}
  let hasExited = false
  const exited = new Promise<ChainExit>((resolve) => {
    end = resolve
  })
  // it waits for a word, and reads the end
  control.resume().once("end", () => {
    hasExited = true
    end({ code: null, signal: null, error: undefined, at: performance.now() })
  })
  const chain = LiveChain.make({
    pid: () => gone,
    control,
    exited,
    hasExited: () => hasExited,
    hello: Promise.resolve("up"),
    diagnostics: () => "",
    ref: () => {},
    unref: () => {}
  })
  await chain.killAll()
  expect(chain.hasExited()).toBe(true)
}, 30_000)
