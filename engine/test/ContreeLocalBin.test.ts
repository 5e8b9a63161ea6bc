import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import * as Fs from "node:fs"
import { resolve } from "node:path"
import { bundle, bundleFolder } from "./support/Bundle.js"
import * as Local from "./support/LocalEngine.js"

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const folder = bundleFolder()
Fs.copyFileSync(resolve("engine/package.json"), `${folder}/package.json`)
const program = bundle("engine/src/bin.ts", folder)

const contreeLocal = (args: ReadonlyArray<string>): Effect.Effect<Ended> =>
  Effect.async((resume) => {
    execFile(
      process.execPath,
      [program, ...args],
      { env: { ...process.env, NO_COLOR: "1" } },
      (error, stdout, stderr) => {
        resume(Effect.succeed({ code: error === null ? 0 : Number(error.code), stdout, stderr }))
      }
    )
  })

describe("contree-local", () => {
  it.scopedLive("doctor says that boxes run here, and 1 when they cannot", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const [well, ill] = yield* Effect.all([
        contreeLocal(["doctor", "--store", store]),
        contreeLocal(["doctor", "--store", resolve("package.json")])
      ], { concurrency: 2 })
      expect([well.code, well.stderr]).toEqual([0, ""])
      expect(well.stdout).toMatch(/Boxes run here/)
      expect(ill.code).toBe(1)
      expect(ill.stdout).toMatch(/Boxes cannot run here yet/)
    }))

  it.live("explains itself, and does not guess", () =>
    Effect.gen(function*() {
      const [help, version, nothing, wrong, half] = yield* Effect.all([
        contreeLocal(["--help"]),
        contreeLocal(["--version"]),
        contreeLocal([]),
        contreeLocal(["serve-me"]),
        contreeLocal(["doctor", "--store"])
      ], { concurrency: 3 })
      expect([help.code, help.stdout.startsWith("contree-local:"), help.stderr]).toEqual([0, true, ""])
      expect([version.code, version.stdout]).toEqual([0, "0.1.0\n"])
      for (const { code, stderr, stdout } of [nothing, wrong, half]) {
        expect([code, stdout]).toEqual([2, ""])
        expect(stderr).toContain("Usage:")
      }
      expect(wrong.stderr).toContain("`serve-me`")
    }))
})
