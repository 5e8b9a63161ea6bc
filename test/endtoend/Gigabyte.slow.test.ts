import { expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { bundle } from "../../engine/test/support/Bundle.js"
import { temporaryStore } from "../support/engine.js"

it("a gigabyte goes in and comes out in less than 200 MB of memory, and is not sent twice", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    bundle("test/endtoend/gigabyte-program.ts"),
    temporaryStore(),
    String(2 ** 30)
  ])
  const { bodies, downloaded, ensured, hash, inSandbox, peak } = JSON.parse(stdout)
  expect({ downloaded, ensured, inSandbox }).toEqual({ downloaded: hash, ensured: hash, inSandbox: hash })
  expect(bodies).toEqual([1, 1])
  console.log(`peak of the program, with the engine in it: ${Math.round(peak / 1024)} MiB`)
  expect(peak * 1024).toBeLessThan(200e6)
})
