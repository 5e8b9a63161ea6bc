/** What counts as a change: each script runs in a real overlay over the same image. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { emptyStore, imageOf, isRoot, runScript } from "../store/support.js"

const prepared = `
mkdir -p d/sub && printf one > d/sub/f && printf two > f && ln -s f link && mkfifo pipe && ln f hard
chmod 640 f; mkdir empty`

const unchanged = {
  "nothing": "true",
  "a file read": "cat f",
  "a chmod to the same mode": "chmod 640 f; chmod 755 d",
  "a file written again with the same bytes": "printf two > f",
  "times": "touch f d d/sub/f; touch -h link",
  "a file made and removed": "echo x > new; rm new; mkdir m; rmdir m",
  "a file removed and made again": "rm d/sub/f; printf one > d/sub/f",
  "a link removed and made again": "rm link; ln -s f link",
  "a pipe removed and made again": "rm pipe; mkfifo pipe",
  "a folder removed and made again with all that was in it": "rm -rf d; mkdir -p d/sub; printf one > d/sub/f",
  "a folder renamed there and back": "mv d e; mv e d",
  "an empty folder removed and made again": "rmdir empty; mkdir empty",
  "the root's own mode": "chmod 755 ."
}

const changed = {
  "a new file": "echo x > new",
  "an empty new folder": "mkdir new",
  "a file removed": "rm f",
  "a file in a folder removed": "rm d/sub/f",
  "a folder removed": "rm -rf d",
  "other bytes of the same length": "printf owt > f",
  "other bytes at the end": "printf more >> f",
  "another mode": "chmod 600 f",
  "another mode of a folder": "chmod 700 d/sub",
  "another mode of the root": "chmod 700 .",
  "another target": "ln -sfn d link",
  "another kind": "rm -rf d; echo d > d",
  "a folder in place of a file": "rm f; mkdir f",
  "a folder emptied by making it anew": "rm -rf d; mkdir d",
  "a folder made anew with a part of what was in it": "rm -rf d; mkdir -p d/sub",
  "a folder made anew with more in it": "rm -rf d; mkdir -p d/sub; printf one > d/sub/f; echo x > d/x",
  "a whiteout in a folder made anew": "rm -rf d; mkdir -p d/sub; echo x > d/sub/f; rm d/sub/f",
  ...(isRoot ? { "another owner": "chown 1:1 f", "another group of a link": "chgrp -h 7 link" } : {})
}

const cases = [
  ...Object.entries(unchanged).map(([what, script]) => ({ what, script, same: true })),
  ...Object.entries(changed).map(([what, script]) => ({ what, script, same: false }))
]

describe("a run that made", () => {
  it.scoped("a change of any kind, or none that counts", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      const parent = { image: yield* imageOf(store, prepared) }
      const results = yield* Effect.forEach(cases, ({ same, script, what }) =>
        Effect.map(runScript(store, parent.image, script), ({ image, size }) => ({
          what,
          asExpected: same === (image === parent.image) && (!same || size === 0)
        })))
      expect(
        results.filter(({ asExpected }) =>
          !asExpected
        ).map(({ what }) => what)
      ).toEqual([])
    }))
})

/** A tar of the file `f` with an attribute: GNU tar is what sets it, being on every machine. */
const withAttribute = (content: string): Buffer => {
  const block = (type: string, data: string): Buffer => {
    const bytes = Buffer.alloc(1024)
    bytes.write("f", 0)
    bytes.write("0000640\x000000000\x000000000\0", 100)
    bytes.write(`${data.length.toString(8).padStart(11, "0")}\x0000000000000\0        ${type}`, 124)
    bytes.write("ustar\x0000", 257)
    const sum = bytes.reduce((total, byte) => total + byte, 0)
    bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148)
    bytes.write(data, 512)
    return bytes
  }
  const record = " SCHILY.xattr.user.mine=1\n"
  return Buffer.concat([block("x", `${record.length + 2}${record}`), block("0", content), Buffer.alloc(1024)])
}

it.scoped("an attribute of its own is a change, the same bytes or not", () =>
  Effect.gen(function*() {
    const store = yield* emptyStore
    const parent = { image: yield* imageOf(store, prepared) }
    const archive = withAttribute("two").toString("base64")
    const set = `rm hard; echo ${archive} | base64 -d | tar -x --xattrs --xattrs-include='*' -p -f -; ln f hard`
    const marked = yield* runScript(store, parent.image, set)
    expect(marked.image).not.toBe(parent.image)
    const again = yield* runScript(store, marked.image, "printf two > f")
    expect(again.image).toBe(marked.image)
  }))
