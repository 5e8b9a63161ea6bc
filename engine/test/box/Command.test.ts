import { describe, expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as BoxFixture from "./BoxFixture.js"

const { text } = BoxFixture

layer(BoxFixture.layer, { timeout: "5 minutes" })("a command in a box", (it) => {
  describe("arguments and environment", () => {
    const hard = [
      "",
      " ",
      "two words",
      "it's \"quoted\" `here` $HOME $(id) \\ \\n",
      "line one\nline two\n\n",
      "\ttab\r",
      "-n",
      "--",
      "*",
      "a=b",
      "größe 日本語 🦀 \u0081\u0082\u0088",
      String.fromCharCode(...Array.from({ length: 127 }, (_, i) => i + 1)),
      Array.from({ length: 0x700 }, (_, i) => String.fromCodePoint(i + 0x80)).join("")
    ]

    it.effect("arrive exactly", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const { stdout } = yield* box.run({ command: "printf", args: ["%s\\0", ...hard] })
        expect(text(stdout).split("\0").slice(0, -1)).toEqual(hard)
      }))

    it.effect("of 128 KiB each and thousands of them", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const long = yield* box.run({ command: "printf", args: ["%s", "x".repeat(131_071)] })
        expect(long.stdout.length).toBe(131_071)
        const many = yield* box.sh("echo $#", {
          args: ["sh", ...Array.from({ length: 8_000 }, (_, i) => `argument ${i}`)]
        })
        expect(text(many.stdout)).toBe("8000\n")
      }))

    it.effect("a variable is the box's exactly when the spec has it", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const env = {
          PATH: "/bin",
          EMPTY: "",
          LD_PRELOAD: "/nowhere/evil.so",
          "dotted.name-1": "value",
          "-i": "dash",
          QUOTED: hard.join("|"),
          BASH_ENV: "/x",
          PS4: "$(id)"
        }
        const { stderr, stdout } = yield* box.run({ command: "env", args: ["-0"], env })
        const found = Object.fromEntries(
          text(stdout).split("\0").slice(0, -1).map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)])
        )
        expect(found).toEqual(env)
        expect(text(stderr)).toBe("")
        const none = yield* box.run({ command: "/bin/env", env: {} })
        expect(text(none.stdout)).toBe("")
      }))

    it.effect("thousands of variables", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const env = Object.fromEntries(Array.from({ length: 2_800 }, (_, i) => [`V${i}`, `value ${i}`]))
        const { stdout } = yield* box.run({ command: "/bin/env", env })
        expect(text(stdout).trim().split("\n").length).toBe(2_800)
      }))

    it.effect("a shell command takes arguments, and none is needed", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const { stdout } = yield* box.sh("printf '%s|' \"$0\" \"$@\"", { args: ["name", "a b", ""] })
        expect(text(stdout)).toBe("name|a b||")
        expect((yield* box.sh("", { env: {} })).report.code).toBe(0)
      }))
  })

  describe("how it ends", () => {
    it.effect("exit codes", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const codes = [0, 1, 2, 100, 125, 126, 127, 128, 137, 143, 255]
        const reports = yield* Effect.forEach(codes, (code) => box.sh(`exit ${code}`), { concurrency: 4 })
        expect(reports.map(({ report }) => [report.code, report.signal])).toEqual(codes.map((code) => [code, -1]))
        expect(reports.every(({ report }) => !report.timedOut && !report.killedFromOutside && !report.coreDump)).toBe(
          true
        )
      }))

    it.effect("signals are not exit codes", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const signals = [1, 2, 6, 9, 11, 13, 15]
        const reports = yield* Effect.forEach(signals, (signal) => box.sh(`kill -${signal} $$`), { concurrency: 4 })
        expect(reports.map(({ report }) => [report.code, report.signal])).toEqual(signals.map((signal) => [-1, signal]))
        expect((yield* box.sh("kill -TERM $$")).report).toMatchObject({ code: -1, signal: 15 })
      }))

    it.effect("a command that takes everything around it down leaves nobody to say how it ended: a failure", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const { report } = yield* box.sh("kill -9 2; sleep 100")
        expect(report).toMatchObject({ code: -1, signal: -1, killedFromOutside: true })
        expect(report.resources._tag).toBe("None")
      }))

    it.effect("what is not found is 127, what cannot be executed is 126", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const outcome = (command: string, env: Record<string, string> = { PATH: "/bin:/etc" }) =>
          Effect.map(
            box.run({ command, env }),
            ({ report, stderr, stdout }) => [report.code, text(stderr), text(stdout)]
          )
        expect(yield* outcome("nosuch")).toEqual([127, "contree: nosuch: not found in PATH (/bin:/etc)\n", ""])
        expect((yield* outcome("/no/such"))[0]).toBe(127)
        expect((yield* outcome("hosts"))[0]).toBe(126)
        expect((yield* outcome("/etc/hosts"))[1]).toContain("not executable")
        expect((yield* outcome("/etc"))[0]).toBe(126)
        expect((yield* outcome("true", {}))[0]).toBe(0)
        expect((yield* outcome("true", { PATH: "/nowhere" }))[0]).toBe(127)
      }))

    it.effect("the shim's own applets do not stand in for the image's commands", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const mine = box.spec({ command: "time", args: ["x"], env: { PATH: "/a=b:/bin" } })
        Fs.mkdirSync(`${box.store}/l/2/a=b`, { recursive: true })
        Fs.writeFileSync(`${box.store}/l/2/a=b/time`, "#!/bin/sh\necho \"$0 $1\"\n", { mode: 0o755 })
        const ran = yield* box.run({ ...mine, layers: ["l/1", "l/2"] })
        expect(text(ran.stdout)).toBe("/a=b/time x\n")
      }))
  })

  describe("where it runs", () => {
    it.effect("in its working directory, with its own root when none is given", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        expect(text((yield* box.run({ command: "pwd" })).stdout)).toBe("/\n")
        expect(text((yield* box.run({ command: "pwd", cwd: "/home" })).stdout)).toBe("/home\n")
        expect(text((yield* box.run({ command: "./busybox", args: ["echo", "relative"], cwd: "/bin" })).stdout)).toBe(
          "relative\n"
        )
      }))

    it.effect("a missing one is the command's failure, not the engine's", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const missing = yield* box.run({ command: "echo", args: ["no"], cwd: "/it's missing" })
        expect([missing.report.code, text(missing.stdout)]).toEqual([1, ""])
        expect(text(missing.stderr)).toBe("contree: working directory /it's missing: No such file or directory\n")
        const file = yield* box.run({ cwd: "/etc/hosts" })
        expect([file.report.code, text(file.stderr)]).toEqual([
          1,
          "contree: working directory /etc/hosts: Not a directory\n"
        ])
      }))

    it.effect("under its host name, which /etc knows", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const { stdout } = yield* box.sh("hostname; cat /etc/hostname; grep -c mybox-1 /etc/hosts", {
          hostname: "mybox-1"
        })
        expect(text(stdout)).toBe("mybox-1\nmybox-1\n1\n")
      }))

    it.effect("what it writes is in its upper and nowhere else; the image's root keeps its mode", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        Fs.chmodSync(`${box.store}/l/1`, 0o755)
        const { spec, stdout } = yield* box.sh(
          "echo a > /new && rm -r /home && mkdir /home && echo b > /home/f && stat -c %a /"
        )
        expect(text(stdout)).toBe("755\n")
        expect(Fs.readFileSync(`${box.store}/${spec.upper}/new`, "utf8")).toBe("a\n")
        expect(Fs.readdirSync(`${box.store}/${spec.upper}`).sort()).toEqual(["home", "new"])
        expect(Fs.existsSync(`${box.store}/l/1/new`)).toBe(false)
        const upper = yield* box.run({ command: "cat", args: ["/home/f"], layers: ["l/1", spec.upper] })
        expect(text(upper.stdout)).toBe("b\n")
      }))

    it.effect("a file of the image under /etc with content is the image's own, and can be changed for good", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const layer = `${box.store}/l/etc`
        Fs.mkdirSync(`${layer}/etc`, { recursive: true })
        Fs.writeFileSync(`${layer}/etc/hosts`, "10.0.0.1 mine\n")
        const { spec, stdout } = yield* box.sh("cat /etc/hosts; echo more >> /etc/hosts", { layers: ["l/1", "l/etc"] })
        expect(text(stdout)).toBe("10.0.0.1 mine\n")
        expect(Fs.readFileSync(`${box.store}/${spec.upper}/etc/hosts`, "utf8")).toBe("10.0.0.1 mine\nmore\n")
      }))
  })

  it.effect("resources are measured", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const { report } = yield* box.run({ command: "dd", args: ["if=/dev/zero", "of=/dev/null", "bs=64M", "count=2"] })
      const { maxRssKb, minorFaults, sysTimeUs, userTimeUs } = BoxFixture.resourcesOf(report)
      expect(maxRssKb).toBeGreaterThan(64 * 1024)
      expect(maxRssKb).toBeLessThan(80 * 1024)
      expect(minorFaults).toBeGreaterThan(0)
      expect(userTimeUs + sysTimeUs).toBeGreaterThan(0)
      expect(report.durationMs).toBeGreaterThan(0)
      expect(report.pid).toBeGreaterThan(1)
    }))

  it.effect("the pid is the one the command sees", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      let spawned = 0
      const { report, stdout } = yield* box.run({ command: "echo $$", shell: true }, {
        onSpawn: (handle) => Effect.sync(() => (spawned = handle.pid))
      })
      expect(text(stdout)).toBe(`${report.pid}\n`)
      expect(spawned).toBe(report.pid)
    }))

  it.effect("a layer that is not there is a refused mount", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const error = yield* Effect.flip(box.run({ layers: ["l/1", "l/none"] }))
      expect(error.reason).toBe("MountFailed")
      expect(error.message).toContain("No such file or directory")
      expect(error.message).toContain("doctor")
    }))

  it.effect("an image of 499 layers", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const layers = Array.from({ length: 498 }, (_, i) => `l/z${i.toString(36)}`)
      for (const name of layers) Fs.mkdirSync(`${box.store}/${name}`)
      Fs.writeFileSync(`${box.store}/${layers.at(-1)}/top`, "top")
      const { stdout } = yield* box.run({ command: "cat", args: ["/top"], layers: ["l/1", ...layers] })
      expect(text(stdout)).toBe("top")
      const one = yield* Effect.flip(box.run({ layers: ["l/1", ...layers, ...layers] }))
      expect(one.reason).toBe("InvalidSpec")
      for (const name of layers) Fs.rmSync(`${box.store}/${name}`, { recursive: true })
    }))
})
