import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import { make } from "../../src/box/Box.js"
import * as Terminal from "../../src/cli/Terminal.js"
import * as Doctor from "../../src/doctor/Doctor.js"
import { onTestFinished } from "vitest"
import { isRoot, removeFolder, temporaryFolder } from "../box/BoxFixture.js"

const folder = Effect.acquireRelease(
  Effect.sync(temporaryFolder),
  (path) => Effect.sync(() => removeFolder(path))
)

const find = (checks: ReadonlyArray<Doctor.Check>, name: string): Doctor.Check | undefined =>
  checks.find((check) => check.name === name)

describe("the doctor", () => {
  it.scopedLive("finds this machine fit, by a box that ran, and leaves the store as it was", () =>
    Effect.gen(function*() {
      const store = `${yield* folder}/new store`
      const checks = yield* Doctor.check({ store })
      expect(checks.filter(({ status }) => status === "failed")).toEqual([])
      expect(checks.map(({ name }) => name)).toEqual([
        "platform",
        "user",
        "bubblewrap",
        "unshare",
        "setpriv",
        "nsenter",
        "busybox",
        "namespaces",
        "process limit",
        "memory limit",
        "store",
        "a box"
      ])
      expect(find(checks, "bubblewrap")?.detail).toMatch(/\/bwrap: bubblewrap \d/)
      expect(find(checks, "user")?.detail).toMatch(isRoot ? /root/ : /uid \d+/)
      expect(Fs.existsSync(store)).toBe(false)
      expect(Fs.readdirSync(dirname(store))).toEqual([])
      Fs.mkdirSync(store, { mode: 0o700 })
      expect(find(yield* Doctor.check({ store }), "a box")?.status).toBe("ok")
      expect(Fs.readdirSync(store)).toEqual([])
    }))

  it.scopedLive("names the tool that is missing and what to type", () =>
    Effect.gen(function*() {
      const path = process.env["PATH"]
      // the usual folders are looked at whatever PATH says, so a program that hides them all is not to be had: instead, one
      // that comes first and knows nothing
      const fake = yield* folder
      const store = yield* folder
      Fs.chmodSync(store, 0o700)
      Fs.writeFileSync(`${fake}/bwrap`, "#!/bin/sh\necho old bwrap\n", { mode: 0o755 })
      process.env["PATH"] = `${fake}:${path}`
      const checks = yield* Effect.ensuring(
        Doctor.check({ store }),
        Effect.sync(() => {
          process.env["PATH"] = path
        })
      )
      // an old one in front is passed over for one that can do it
      expect(find(checks, "bubblewrap")?.status).toBe("ok")
      expect(find(checks, "bubblewrap")?.detail).not.toContain(fake)
    }))

  const refused = (name: string, prepare: (path: string) => string, fix: RegExp) =>
    it.scopedLive(name, () =>
      Effect.gen(function*() {
        const store = prepare(yield* folder)
        const check = find(yield* Doctor.check({ store }), "store")
        expect(check?.status).toBe("failed")
        expect(check?.fix).toMatch(fix)
        const error = yield* Effect.flip(Effect.scoped(make({ store })))
        expect([error._tag, error.reason]).toEqual(["EngineError", "StoreUnusable"])
        expect(error.message).toMatch(fix)
      }))

  refused("a store that others can read", (path) => {
    Fs.chmodSync(path, 0o755)
    return path
  }, /^chmod 700 |chmod 700 /)
  refused("a store that is a file", (path) => {
    Fs.writeFileSync(`${path}/file`, "")
    return `${path}/file`
  }, /folder/)
  refused("a store without an absolute path", () => "relative/store", /whole path/)
  refused("a store of somebody else", () => isRoot ? foreign() : "/usr", /your own: ContreeLocal\.layer/)
  refused("a store on procfs", () => "/proc/self/task", /.+/)
})

const foreign = (): string => {
  const path = temporaryFolder()
  Fs.chownSync(path, 65_534, 65_534)
  onTestFinished(() => Fs.rmSync(path, { recursive: true, force: true }))
  return path
}

describe("what the doctor prints", () => {
  const checks: ReadonlyArray<Doctor.Check> = [
    { name: "platform", status: "ok", detail: "Linux 6.1", fix: undefined },
    { name: "process limit", status: "warning", detail: "none", fix: "type this" },
    {
      name: "busybox",
      status: "failed",
      detail: "no `busybox` in PATH ".repeat(8),
      fix: "apt-get install busybox-static"
    }
  ]

  const plain = Terminal.look({ isTTY: true, columns: 60 }, { NO_COLOR: "1" })

  it("is aligned, wrapped, and ends with a verdict", () => {
    const output = Doctor.render(checks, plain)
    expect(output.split("\n").filter((line) => !line.includes("→")).every((line) => line.length <= 60)).toBe(true)
    const columns = output.split("\n").filter((line) => /[✓!✗]/.test(line)).map((line) =>
      /^ {2}. \S+( \S+)? +/.exec(line)?.[0].length
    )
    expect(new Set(columns).size).toBe(1)
    expect(output).toContain("→ apt-get install busybox-static\n")
    expect(output).toContain("Boxes cannot run here yet: one thing has to be fixed.")
    expect(output).not.toContain("\u001b")
    expect(Doctor.render(checks.slice(0, 2), Terminal.look({ isTTY: true }, {}))).toContain("\u001b[33m!")
    expect(Doctor.render(checks.slice(0, 2), plain)).toContain("Boxes run here, with one remark.")
    expect(Doctor.render(checks.slice(0, 1), plain)).toContain("Boxes run here.")
    const noTerminal = Doctor.render(checks, Terminal.look({}, {}))
    expect(noTerminal).not.toContain("\u001b")
    expect(Math.max(...noTerminal.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80)
  })
})
