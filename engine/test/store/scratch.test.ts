import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Scratch from "../../src/store/Scratch.js"
import { isRoot, temporaryFolder } from "../box/BoxFixture.js"

const temporary = Effect.acquireRelease(
  Effect.sync(temporaryFolder),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

/** With the `rm` of another PATH. */
const removeWith = (commands: string, path: string): Effect.Effect<void, unknown> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const before = process.env["PATH"]
      process.env["PATH"] = commands
      return before
    }),
    () => Scratch.remove(path),
    (before) => Effect.sync(() => void (process.env["PATH"] = before))
  )

/** With a PATH that has no `rm`: what is gone then was removed without a process. */
const removeHere = (path: string): Effect.Effect<void, unknown> => removeWith("/nowhere", path)

describe("an entry of `tmp`", () => {
  it.scopedLive("that a short run left is removed without a process, its links and not what they lead to", () =>
    Effect.gen(function*() {
      const folder = yield* temporary
      const path = `${folder}/run`
      Fs.mkdirSync(`${folder}/kept`)
      Fs.writeFileSync(`${folder}/kept/file`, "")
      Fs.mkdirSync(`${path}/u/a/b`, { recursive: true })
      Fs.writeFileSync(Buffer.from(`${path}/u/a/\xff`, "latin1"), "")
      Fs.symlinkSync(`${folder}/kept`, `${path}/u/a/b/link`)
      // as overlayfs leaves it
      Fs.mkdirSync(`${path}/w/work/incompat/volatile`, { recursive: true })
      Fs.writeFileSync(`${path}/w/work/incompat/volatile/dirty`, "", { mode: 0 })
      for (const name of ["w/work/incompat/volatile", "w/work/incompat", "w/work"]) Fs.chmodSync(`${path}/${name}`, 0)
      yield* removeHere(path)
      expect([Fs.existsSync(path), Fs.existsSync(`${folder}/kept/file`)]).toEqual([false, true])
    }))

  it.scopedLive("of many files is left to a process", () =>
    Effect.gen(function*() {
      const path = `${yield* temporary}/run`
      Fs.mkdirSync(`${path}/u`, { recursive: true })
      for (let n = 0; n < 2000; n++) Fs.writeFileSync(`${path}/u/${n}`, "")
      expect((yield* Effect.exit(removeHere(path)))._tag).toBe("Failure")
      yield* Scratch.remove(path)
      expect(Fs.existsSync(path)).toBe(false)
    }))

  it.scopedLive("that somebody still holds while it is being killed is gone in the end", () =>
    Effect.gen(function*() {
      if (!isRoot) return console.warn("NOT RUN: mounts need root, and nothing else holds a folder for certain")
      const folder = yield* temporary
      const path = `${folder}/run`
      Fs.mkdirSync(`${path}/s`, { recursive: true })
      execFileSync("mount", ["-t", "tmpfs", "none", `${path}/s`])
      const commands = process.env["PATH"]
      // lets go once the first try has failed
      const script = `#!/bin/sh\nPATH='${commands}'\nrm "$@"\ncode=$?\numount -l '${path}/s'\nexit $code\n`
      Fs.mkdirSync(`${folder}/bin`)
      Fs.writeFileSync(`${folder}/bin/rm`, script, { mode: 0o755 })
      yield* removeWith(`${folder}/bin:${commands}`, path)
      expect(Fs.existsSync(path)).toBe(false)
    }))
})
