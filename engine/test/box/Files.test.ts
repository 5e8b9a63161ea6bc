import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import type { BoxFile } from "../../src/box/BoxSpec.js"
import * as BoxFixture from "./BoxFixture.js"

const { isRoot, text } = BoxFixture
const owner = isRoot ? 1234 : 0

layer(BoxFixture.layer, { timeout: "5 minutes" })("files that are put in place", (it) => {
  const content = (store: string, bytes: Uint8Array | string = "content"): string => {
    const path = `${store}/content-${Math.random()}`
    Fs.writeFileSync(path, bytes, { mode: 0o600 })
    return path
  }
  const file = (source: string, destination: string, mode = 0o644): BoxFile => ({
    source,
    destination,
    uid: owner,
    gid: owner === 0 ? 0 : owner + 1,
    mode
  })

  it.effect("have their bytes, owner and mode, under any name", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const bytes = randomBytes(3_000_000)
      const names = [
        "/plain",
        "/new folder/it's\na \"name\" $HOME *",
        "/deep/er/and/deeper",
        "/ä/-rf",
        "/deep/er/second"
      ]
      const modes = [0o644, 0o4755, 0o600, 0o2070, 0o000]
      const { spec, stderr, stdout } = yield* box.sh(
        "umask; for f in \"$@\"; do sha256sum < \"$f\" | cut -c1-64; stat -c '%a %u %g %F' \"$f\"; done; stat -c '%a %u %g' '/new folder' /deep/er",
        { args: ["sh", ...names], files: names.map((name, i) => file(content(box.store, bytes), name, modes[i])) }
      )
      expect(text(stderr)).toBe("")
      const lines = text(stdout).trim().split("\n")
      const hash = lines[1]
      expect(hash).toMatch(/^[0-9a-f]{64}$/)
      expect(lines).toEqual([
        "0022",
        ...modes.flatMap((mode) => [hash, `${mode.toString(8)} ${owner} ${owner === 0 ? 0 : owner + 1} regular file`]),
        "755 0 0",
        "755 0 0"
      ])
      expect(Fs.readFileSync(`${box.store}/${spec.upper}/plain`).equals(bytes)).toBe(true)
      expect(Fs.readdirSync(`${box.store}/${spec.upper}`).sort()).toEqual(["deep", "new folder", "plain", "ä"])
    }))

  it.effect("resolve symlinks inside the image, and never touch the host", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const outside = BoxFixture.temporaryFolder()
      const layer = `${box.store}/l/links`
      Fs.mkdirSync(`${layer}${outside}`, { recursive: true })
      Fs.mkdirSync(`${layer}/real`, { recursive: true })
      Fs.symlinkSync(outside, `${layer}/absolute`)
      Fs.symlinkSync("../../../../../../real", `${layer}/relative`)
      Fs.symlinkSync("/etc/passwd", `${layer}/file-link`)
      const source = content(box.store)
      const { spec, stdout } = yield* box.sh(
        `cat ${outside}/a /real/b /file-link; [ -L /file-link ] || echo replaced`,
        {
          layers: ["l/1", "l/links"],
          files: [file(source, "/absolute/a"), file(source, "/relative/b"), file(source, "/file-link")]
        }
      )
      expect(text(stdout)).toBe("contentcontentcontentreplaced\n")
      expect(Fs.readdirSync(outside)).toEqual([])
      expect(Fs.existsSync(`${box.store}/${spec.upper}/real/b`)).toBe(true)
      Fs.rmdirSync(outside)
    }))

  it.effect("replace what is there, and only that", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const layer = `${box.store}/l/hard`
      Fs.mkdirSync(`${layer}/h`, { recursive: true })
      Fs.writeFileSync(`${layer}/h/one`, "old")
      Fs.linkSync(`${layer}/h/one`, `${layer}/h/two`)
      const { stdout } = yield* box.sh("cat /h/one /h/two; /bin/ls", {
        layers: ["l/1", "l/hard"],
        cwd: "/h",
        files: [
          file(content(box.store, "new"), "/h/one"),
          file(content(box.store, "#!/bin/sh\necho mine\n"), "/bin/ls", 0o755)
        ]
      })
      expect(text(stdout)).toBe("newoldmine\n")
    }))

  it.effect("many, an empty one among them", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const source = content(box.store)
      const files = Array.from({ length: 300 }, (_, i) => file(source, `/many/${i}`))
      const { stdout } = yield* box.sh("ls /many | wc -l; wc -c < /empty", {
        files: [...files, file(content(box.store, ""), "/empty")]
      })
      expect(text(stdout)).toBe("301\n0\n".replace("301", "300"))
    }))

  it.effect("that cannot be placed are refused with a reason, and nothing runs", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const source = content(box.store)
      const refused = (destination: string, from = source) =>
        Effect.map(
          Effect.flip(box.run({ files: [file(from, destination)] })),
          (error) => [error.reason, error.description]
        )
      expect((yield* refused("/etc"))[0]).toBe("InvalidSpec")
      expect((yield* refused("/etc"))[1]).toContain("directory")
      expect((yield* refused("/etc/hosts/x"))[0]).toBe("InvalidSpec")
      for (const path of ["relative", "/dev/x", "/proc/x", "/sys", "/a/../b", "/folder/", "/", "/nul\0"]) {
        expect([path, (yield* refused(path))[0]]).toEqual([path, "InvalidSpec"])
      }
      const missing = yield* refused("/x", `${box.store}/not-there`)
      expect(missing[0]).toBe("StartFailed")
      expect(missing[1]).toContain("no such file")
    }))

  it.effect("through a link into what is made anew are refused, in the depth of a new folder too", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const layer = `${box.store}/l/into`
      Fs.mkdirSync(layer)
      const targets = { shm: "/dev/shm", kernel: "proc/sys/kernel", attributes: "/sys", hop: "/shm" }
      for (const [name, target] of Object.entries(targets)) Fs.symlinkSync(target, `${layer}/${name}`)
      for (const path of ["/shm/x", "/shm/new/x", "/kernel/core_pattern", "/attributes/x", "/hop/x"]) {
        const files = [file(content(box.store), path)]
        const error = yield* Effect.flip(box.run({ layers: ["l/1", "l/into"], files }))
        expect([path, error.reason, error.description])
          .toEqual([path, "InvalidSpec", expect.stringContaining("made anew for every run")])
      }
    }))
})
