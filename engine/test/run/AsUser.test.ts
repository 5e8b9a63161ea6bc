/**
 * The tests of runs again as an ordinary user. Root runs them in a mount namespace of its own in which the checkout and
 * Node are where anybody can read them, whatever the mode of the folders around them.
 */
import { describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import * as Fs from "node:fs"
import { resolve } from "node:path"
import { isRoot, temporaryFolder } from "../box/BoxFixture.js"

const nobody = 65_534

const script = `
set -e
mount --bind "$1" "$3/checkout"
mount --bind "$2" "$3/node"
cd "$3/checkout"
exec setpriv --reuid ${nobody} --regid ${nobody} --clear-groups "$3/node" node_modules/vitest/vitest.mjs run \\
  --configLoader runner --reporter verbose --maxWorkers 1 engine/test/run/Runs.test.ts -t "answer|ends|images|users|cancelling"
`

const runAsUser = (folder: string): Promise<{ readonly code: number; readonly output: string }> =>
  new Promise((done) => {
    const home = `${folder}/home`
    execFile(
      "unshare",
      ["-m", "--kill-child", "sh", "-c", script, "as-user", resolve("."), process.execPath, folder],
      {
        env: { PATH: process.env["PATH"], HOME: home, TMPDIR: home, CONTREE_TEST_FOLDER: home, NO_COLOR: "1" },
        maxBuffer: 64 * 1024 * 1024
      },
      (error, stdout, stderr) => {
        done({ code: error === null ? 0 : Number(error.code ?? -1), output: `${stdout}${stderr}` })
      }
    )
  })

describe("an engine of an ordinary user", () => {
  if (!isRoot) {
    it("is what the tests beside this one ran; the root half needs root", () => {
      console.warn(
        `NOT RUN: an engine of root. This is uid ${process.getuid?.()}: run the tests as root to cover both.`
      )
      expect(isRoot).toBe(false)
    })
    return
  }
  it("passes the tests of runs too", async () => {
    const folder = temporaryFolder()
    Fs.chmodSync(folder, 0o755)
    Fs.mkdirSync(`${folder}/checkout`)
    Fs.writeFileSync(`${folder}/node`, "")
    Fs.mkdirSync(`${folder}/home`)
    Fs.chownSync(`${folder}/home`, nobody, nobody)
    try {
      const { code, output } = await runAsUser(folder)
      expect(code, output).toBe(0)
      expect(output).toMatch(/other than 0 need an engine of root/)
    } finally {
      Fs.rmSync(folder, { recursive: true, force: true })
    }
  }, 120_000)
})
