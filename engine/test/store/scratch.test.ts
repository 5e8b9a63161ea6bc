import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Scratch from "../../src/store/Scratch.js"
import { isRoot, temporaryFolder } from "../box/BoxFixture.js"

describe("an entry of `tmp`", () => {
  it.scopedLive("that somebody still holds while it is being killed is gone in the end", () =>
    Effect.gen(function*() {
      if (!isRoot) return console.warn("NOT RUN: mounts need root, and nothing else holds a folder for certain")
      const folder = yield* Effect.acquireRelease(
        Effect.sync(temporaryFolder),
        (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
      )
      const path = `${folder}/run`
      Fs.mkdirSync(`${path}/s`, { recursive: true })
      execFileSync("mount", ["-t", "tmpfs", "none", `${path}/s`])
      // too late for the first try, and in time for the last
      yield* Effect.acquireRelease(
        Effect.sync(() => spawn("sh", ["-c", "sleep 0.1; umount \"$1\"", "sh", `${path}/s`], { stdio: "ignore" })),
        (child) =>
          Effect.promise(() => new Promise((done) => child.exitCode === null ? child.once("exit", done) : done(0)))
      )
      yield* Scratch.remove(path)
      expect(Fs.existsSync(path)).toBe(false)
    }))
})
