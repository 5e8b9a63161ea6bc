import { describe, expect, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { bundle } from "../../engine/test/support/Bundle.js"
import { temporaryStore } from "../support/engine.js"

interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command on a data folder of its own. */
const run = (command: string, args: ReadonlyArray<string>): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...process.env, XDG_DATA_HOME: temporaryStore() },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
    })
    child.once("error", reject)
    child.once("close", (code) => resolve({ code, stdout, stderr }))
  })

const programs = { "thirty-lines": bundle("examples/thirty-lines.ts"), quickstart: bundle("examples/quickstart.ts") }

const runExample = (name: keyof typeof programs): Promise<Ran> => run(process.execPath, [programs[name]])

describe("examples", () => {
  it("thirty-lines prints the two branches and the live output", async () => {
    const ran = await runExample("thirty-lines")
    expect(ran.stderr).toBe("")
    expect(ran.stdout).toBe(
      `[ "it's quoted\\n", '12 /data/a\\n' ]\nStdout 1\n\nStdout 2\n\nStdout 3\n\n`
    )
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
      programs.quickstart
    ])
    expect(ran.stdout).toBe("")
    expect(ran.stderr).toContain("bubblewrap")
    expect(ran.stderr).toContain("apt-get install")
    expect(ran.stderr).not.toMatch(/\n\s+at /)
    expect(ran.code).toBe(1)
  })
})
