import { expect, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { bundle } from "../support/Bundle.js"

it("a full table of descriptors fails the run and leaves the program alive", () => {
  const program = bundle("engine/test/box/full-table.ts")
  const { status, stderr, stdout } = spawnSync(
    "/bin/sh",
    ["-c", "ulimit -n 128; exec \"$@\"", "sh", process.execPath, program],
    { encoding: "utf8", timeout: 300_000 }
  )
  expect([status, stderr]).toEqual([0, ""])
  const outcomes: ReadonlyArray<{ readonly tool: string; readonly run: string }> = JSON.parse(stdout)
  expect(outcomes[0]!.tool).toBe("Unusable")
  expect(outcomes[0]!.run).toMatch(/^StartFailed: .*EMFILE/)
  // as soon as there are enough again, all is well again
  expect(outcomes.at(-1)).toEqual({ tool: "ran", run: "ran" })
  for (const { run } of outcomes) expect(run).toMatch(/^(ran|StartFailed: )/)
  expect(outcomes.some(({ run }) => /spawn .*EMFILE.*ulimit -n/.test(run))).toBe(true)
})
