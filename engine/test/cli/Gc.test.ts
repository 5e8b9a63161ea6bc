import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Args from "../../src/cli/Args.js"
import * as Gc from "../../src/cli/Gc.js"
import * as Specs from "../../src/cli/Specs.js"

const given = (...argv: ReadonlyArray<string>) => Args.parse(Specs.gc, argv)

describe("contree-local gc", () => {
  it.effect("takes spans of time, and nothing that is none", () =>
    Effect.gen(function*() {
      const seconds = yield* Effect.forEach(
        ["0s", "90s", "15m", "2h", "3d", "1w"],
        (span) => Effect.map(given("--keep-for", span), ({ options }) => options.keepFor)
      )
      expect(seconds).toEqual([0, 90, 900, 7_200, 259_200, 604_800])
      expect((yield* given()).options).toMatchObject({ keepFor: undefined, dryRun: false, json: false })
      for (const wrong of ["7", "d", "-1d", "1.5h", "1y", "1d ", "9999999s"]) {
        expect(yield* Effect.flip(given(`--keep-for=${wrong}`))).toContain("a span such as 30s")
      }
    }))

  it("says what went, or would go", () => {
    const collected = { images: 2, layers: 1, operations: 0, files: 1, blobs: 3, bytes: 0, damaged: [] }
    expect(Gc.report(collected, false)).toMatch(
      /^removed 2 images, 1 layer, 1 uploaded file, 3 blobs of registries: up to 0 .*\n$/
    )
    expect(Gc.report(collected, true)).toMatch(/^would remove 2 images/)
    const nothing = { images: 0, layers: 0, operations: 0, files: 0, blobs: 0, bytes: 0, damaged: [] }
    expect(Gc.report(nothing, false)).toBe("nothing to remove\n")
  })
})
