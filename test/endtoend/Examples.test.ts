import { describe, expect, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { temporaryStore } from "../support/engine.js"

interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs an example as a user would, on a data folder of its own. */
const runExample = (name: string, env: Record<string, string> = {}): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", "tsx", `examples/${name}.ts`], {
      env: { ...process.env, XDG_DATA_HOME: temporaryStore(), ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => { stdout += text })
    child.stderr.setEncoding("utf8").on("data", (text: string) => { stderr += text })
    child.once("error", reject)
    child.once("close", (code) => resolve({ code, stdout, stderr }))
  })

describe("examples", () => {
  it("thirty-lines prints the two branches and the live output", async () => {
    const ran = await runExample("thirty-lines")
    expect(ran.stderr).toBe("")
    expect(ran.stdout).toBe(
      `[ "it's quoted\\n", '12 /data/a\\n' ]\nStdout 1\n\nStdout 2\n\nStdout 3\n\n`
    )
    expect(ran.code).toBe(0)
  }, 60_000)

  it("quickstart shows each of its five parts", async () => {
    const ran = await runExample("quickstart")
    expect(ran.stderr).toBe("")
    for (const part of ["pear\napple\nit's quoted\nkept as ", "stdout  tick 3", "stderr  done", "inside:  only here",
      "after:   DisposableImageRunError", "outside: pear, apple, it's quoted", "busybox:latest", "├─ ", "└─ "]) {
      expect(ran.stdout).toContain(part)
    }
    expect(ran.code).toBe(0)
  }, 60_000)

  it("quickstart says what to do where a tool is missing", async () => {
    const ran = await runExample("quickstart", { PATH: "/nonexistent" })
    expect(ran.code).toBe(1)
    expect(ran.stdout).toBe("")
    expect(ran.stderr).toContain("bubblewrap")
    expect(ran.stderr).toContain("apt-get install")
  }, 60_000)
})
