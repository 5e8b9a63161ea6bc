import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import { dirname, resolve } from "node:path"
import { isRoot } from "../box/BoxFixture.js"
import { bundle } from "../support/Bundle.js"
import * as Crash from "../support/Crash.js"
import * as Local from "../support/LocalEngine.js"

const kills = Number(process.env["CONTREE_KILLS"] ?? 30)
const nobody = 65_534

// becomes the program by execs alone, so that its process id is the one that is killed; the checkout and Node are mounted
// where anybody can read them
const script = `
set -e
checkout=$1 folder=$2 node=$3 program=$4
shift 4
mount --bind "$checkout" "$folder/checkout"
mount --bind "$node" "$folder/node"
cd "$folder/checkout"
exec setpriv --reuid ${nobody} --regid ${nobody} --clear-groups "$folder/node" "./\${program#"$checkout"/}" "$@"
`

describe("the same as an ordinary user, whose chain begins with a user namespace", () => {
  if (!isRoot) {
    it("is what the other test of crashes does here", () => {
      console.warn("NOT RUN: crashes as an ordinary user from root. The other test of crashes runs as this user.")
      expect(isRoot).toBe(false)
    })
    return
  }
  const program = bundle("engine/test/support/CrashChild.ts")

  it.scopedLive("leaves no process, and every start is usable", () =>
    Effect.gen(function*() {
      const folder = yield* Local.storeFolder
      Fs.chmodSync(folder, 0o755)
      Fs.chmodSync(dirname(dirname(program)), 0o755)
      Fs.mkdirSync(`${folder}/checkout`)
      Fs.writeFileSync(`${folder}/node`, "")
      const store = `${folder}/store`
      Fs.mkdirSync(store, { mode: 0o700 })
      Fs.chownSync(store, nobody, nobody)
      const wrap = ["unshare", "-m", "sh", "-c", script, "crash", resolve("."), folder]
      const operations = new Set<string>()
      let images = 0
      for (let kill = 0; kill < kills; kill++) {
        const afterMillis = Math.random() * 1500
        // on a slow machine no image is committed so soon
        const committed = kill % 5 === 4 ? 1 : 0
        const options = { program, store, boxes: 5, afterMillis, committed, wrap }
        const crashed = yield* Effect.promise(() => Crash.crash(options))
        for (const id of crashed.operations) operations.add(id)
        images += crashed.images.size
        expect(yield* Effect.promise(() => Crash.survivors(store)), `kill ${kill} after ${afterMillis} ms`).toEqual([])
      }
      expect(Fs.statSync(`${store}/contree.db`).uid).toBe(nobody)
      expect([operations.size > 0, images > 0]).toEqual([true, true])
      console.log(
        `${kills} kills as uid ${nobody}: ${operations.size} operations, ${images} images known to be committed`
      )
    }), 900_000)
})
