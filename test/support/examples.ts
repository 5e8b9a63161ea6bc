/** Programs of `examples/`, bundled and run each on a data folder of its own. */
import { spawn } from "node:child_process"
import { bundle, bundleFolder } from "../../engine/test/support/Bundle.js"
import { temporaryStore } from "./engine.js"

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export const run = (command: string, args: ReadonlyArray<string>): Promise<Ran> =>
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

/** To be asked for once in each test file, outside of every test. */
export const makeExamples = () => {
  const folder = bundleFolder()
  const bundled = (name: string): string => bundle(`examples/${name}.ts`, folder)
  return { bundled, runExample: (name: string): Promise<Ran> => run(process.execPath, [bundled(name)]) }
}
