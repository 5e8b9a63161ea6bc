import { describe, expect, it } from "@effect/vitest"
import { makeExamples, run } from "../support/examples.js"

const { bundled, runExample } = makeExamples()

describe("the first programs", () => {
  it("thirty lines print what the README says", async () => {
    const ran = await runExample("thirty-lines")
    expect(ran.stderr).toBe("")
    expect(ran.stdout).toBe(`[ "it's quoted\\n", '12 /data/a\\n' ]
Stdout 1

Stdout 2

Stdout 3

`)
    expect(ran.code).toBe(0)
  })

  it("quickstart shows each of its five parts", async () => {
    const ran = await runExample("quickstart")
    expect(ran.stderr).toBe("")
    for (
      const part of [
        "pear\napple\nit's quoted\nkept as ",
        "stdout  tick 3",
        "stderr  done",
        "inside:  only here",
        "after:   DisposableImageRunError",
        "outside: pear, apple, it's quoted",
        "busybox:latest",
        "├─ ",
        "└─ "
      ]
    ) {
      expect(ran.stdout).toContain(part)
    }
    expect(ran.code).toBe(0)
  })

  it("quickstart says what to do where bubblewrap is missing", async () => {
    // a mount name space of its own, in which the tool is an empty file that nobody may execute
    const script = "b=$(command -v bwrap) && mount --bind /dev/null \"$b\" && exec \"$0\" \"$1\""
    const ran = await run("unshare", [
      "--map-root-user",
      "--mount",
      "sh",
      "-c",
      script,
      process.execPath,
      bundled("quickstart")
    ])
    expect(ran.stdout).toBe("")
    expect(ran.stderr).toContain("bubblewrap")
    expect(ran.stderr).toContain("apt-get install")
    expect(ran.stderr).not.toMatch(/\n\s+at /)
    expect(ran.code).toBe(1)
  })
})
