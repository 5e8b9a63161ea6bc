import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { existsSync } from "node:fs"
import { removeFolder, temporaryFolder } from "../box/BoxFixture.js"
import * as HostCommand from "../../src/store/HostCommand.js"

describe("a tool of the host", () => {
  it.live("that complains without end takes no memory for it, and is told by how it began", () =>
    Effect.gen(function*() {
      const script = "echo first >&2; head -c 5000000 /dev/zero >&2; exit 3"
      const finished = yield* HostCommand.run(["sh", "-c", script], { cwd: "/" })
      expect([finished.code, finished.stderr.slice(0, 6)]).toEqual([3, "first\n"])
      expect(finished.stderr.length).toBeLessThan(200_000)
    }))

  it.scopedLive("that is given up is dead by then", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(temporaryFolder),
        (path) => Effect.sync(() => removeFolder(path))
      )
      let began = (): void => {}
      const begun = new Promise<void>((resolve) => {
        began = resolve
      })
      const fiber = yield* Effect.fork(
        HostCommand.run(["sh", "-c", "echo $$; exec sleep 1000"], {
          cwd: folder,
          onOutput: (bytes) => {
            pid = bytes.toString().trim()
            began()
          }
        })
      )
      let pid = ""
      yield* Effect.promise(() => begun)
      yield* Fiber.interrupt(fiber)
      expect(existsSync(`/proc/${pid}`)).toBe(false)
    }))
})
