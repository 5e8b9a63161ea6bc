/**
 * Runs tests of the engine again as an ordinary user: in a mount namespace in which the checkout and Node are where
 * anybody can read them, whatever the mode of the folders around them.
 */
import { execFile } from "node:child_process"
import * as Fs from "node:fs"
import { resolve } from "node:path"
import { temporaryFolder } from "./BoxFixture.js"

const nobody = 65_534

const script = `
set -e
mount --bind "$1" "$3/checkout"
mount --bind "$2" "$3/node"
cd "$3/checkout"
folder=$3
shift 3
exec setpriv --reuid ${nobody} --regid ${nobody} --clear-groups "$folder/node" node_modules/vitest/vitest.mjs run \\
  --configLoader runner --reporter verbose "$@"
`

const run = (
  folder: string,
  tests: ReadonlyArray<string>
): Promise<{ readonly ok: boolean; readonly output: string }> =>
  new Promise((done) => {
    const env = {
      PATH: process.env["PATH"],
      HOME: `${folder}/home`,
      TMPDIR: `${folder}/home`,
      CONTREE_TEST_FOLDER: `${folder}/home`,
      NO_COLOR: "1"
    }
    const args = ["-m", "--kill-child", "sh", "-c", script, "as-user", resolve("."), process.execPath, folder, ...tests]
    execFile("unshare", args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
      done({ ok: error === null, output: `${stdout}${stderr}` }))
  })

/**
 * What the test files of these names in engine/test print when they pass as an ordinary user; throws it when they do
 * not. Needs root.
 */
export const passesAsUser = async (names: ReadonlyArray<string>): Promise<string> => {
  const folder = temporaryFolder()
  try {
    Fs.chmodSync(folder, 0o755)
    Fs.mkdirSync(`${folder}/checkout`)
    Fs.writeFileSync(`${folder}/node`, "")
    Fs.mkdirSync(`${folder}/home`)
    Fs.chownSync(`${folder}/home`, nobody, nobody)
    const { ok, output } = await run(folder, names.map((name) => `engine/test/${name}.test.ts`))
    if (!ok) throw new Error(`as uid ${nobody}:\n${output}`)
    return output
  } finally {
    Fs.rmSync(folder, { recursive: true, force: true })
  }
}
