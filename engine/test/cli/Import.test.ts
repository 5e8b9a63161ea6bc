import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { gzipSync } from "node:zlib"
import * as Tools from "../../src/box/Tools.js"
import { makeImage, temporaryFolder } from "../box/BoxFixture.js"
import type { Made } from "../oci/Tar.js"
import { file, folder, image, index, tar } from "../oci/Tar.js"
import * as Local from "../support/LocalEngine.js"
import { makeContreeLocal } from "./Program.js"

const { contreeLocal } = makeContreeLocal()

const scratch = Effect.acquireRelease(
  Effect.sync(temporaryFolder),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

const writeLayout = (path: string, made: Made, name: string): void => {
  Fs.mkdirSync(`${path}/blobs/sha256`, { recursive: true })
  for (const { bytes, digest } of [...made.blobs, made.manifest]) {
    Fs.writeFileSync(`${path}/blobs/${digest.replace(":", "/")}`, bytes)
  }
  Fs.writeFileSync(`${path}/index.json`, index([{ made, name }]).bytes)
  Fs.writeFileSync(`${path}/oci-layout`, "{\"imageLayoutVersion\":\"1.0.0\"}")
}

describe("contree-local import", () => {
  it.scopedLive("brings an image of this machine by a path from where it was typed", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const cwd = yield* scratch
      writeLayout(
        `${cwd}/layout`,
        image([yield* Effect.promise(() => tar([folder("etc"), file("etc/hello", "hi\n")]))]),
        "v1"
      )
      const imported = yield* contreeLocal(["import", "--store", store, "--tag", "mine", "oci:layout:v1"], { cwd })
      expect(imported.code).toBe(0)
      expect(imported.out.toString()).toMatch(/^[0-9a-f-]{36}\n$/)
      expect(imported.err).toContain(`contree-local: imported oci:${cwd}/layout:v1, tagged mine\n`)
      const [missing, wrong, images] = yield* Effect.all([
        contreeLocal(["import", "--store", store, "oci:nowhere"], { cwd }),
        contreeLocal(["import", "--store", store, "Not A Reference"], { cwd }),
        contreeLocal(["images", "--json", "--store", store])
      ], { concurrency: 2 })
      expect([missing.code, missing.err]).toEqual([1, expect.stringMatching(/nowhere is not there/)])
      expect([wrong.code, wrong.err]).toEqual([
        1,
        expect.stringMatching(/^contree-local: this reference cannot be imported: /)
      ])
      expect(JSON.parse(images.out.toString())).toMatchObject([
        { uuid: imported.out.toString().trim(), tags: ["mine"], parent: null, made_by: { kind: "import" } }
      ])
      expect(Local.traces(store)).toEqual([])
    }))

  it.scopedLive("makes an image of a plain root file system, and the same one each time", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const at = yield* scratch
      Fs.mkdirSync(`${at}/root`)
      makeImage(yield* Tools.find.busybox, `${at}/root`)
      Fs.writeFileSync(`${at}/root/etc/name`, "debian\n")
      Fs.writeFileSync(`${at}/root/bin/suid`, "x")
      Fs.chmodSync(`${at}/root/bin/suid`, 0o4755)
      Fs.linkSync(`${at}/root/bin/suid`, `${at}/root/bin/other`)
      const first = yield* contreeLocal(["import", "--store", store, "--tag", "rootfs", `dir:${at}/root`])
      expect([first.code, first.err]).toEqual([0, expect.stringContaining(`imported dir:${at}/root, tagged rootfs`)])
      const again = yield* contreeLocal(["import", "--store", store, `dir:${at}/root`])
      expect(again.out.toString()).toBe(first.out.toString())
      const ran = yield* contreeLocal([
        ...["run", "--store", store, "rootfs", "--", "sh", "-c"],
        "cat /etc/name; stat -c '%a %h %u' /bin/suid"
      ])
      expect([ran.code, ran.out.toString()]).toEqual([0, "debian\n4755 2 0\n"])
      execFileSync("tar", ["-C", `${at}/root`, "-cf", `${at}/root.tar`, "."])
      Fs.writeFileSync(`${at}/root.tar.gz`, gzipSync(Fs.readFileSync(`${at}/root.tar`)))
      const [plain, packed] = yield* Effect.all([
        contreeLocal(["import", "--store", store, `tar:${at}/root.tar`]),
        contreeLocal(["import", "--store", store, `tar:${at}/root.tar.gz`])
      ], { concurrency: 2 })
      expect(plain.out.toString()).toMatch(/^[0-9a-f-]{36}\n$/)
      expect(packed.out.toString()).toBe(plain.out.toString())
      expect(Local.traces(store)).toEqual([])
    }))

  it.scopedLive("refuses what is no root file system, and says what to do", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const at = yield* scratch
      Fs.writeFileSync(`${at}/xz.tar.xz`, Buffer.from("fd377a585a000004e6d6b446", "hex"))
      Fs.writeFileSync(`${at}/text.tar`, "this is no tar at all\n".repeat(100))
      const cases = [
        [`tar:${at}/xz.tar.xz`, /compressed by xz: decompress it first/],
        [`tar:${at}/text.tar`, /was not imported: .*cannot be read/],
        [`tar:${at}`, /for a folder write dir:DIR/],
        [`dir:${at}/text.tar`, /for a tar write tar:FILE/],
        [`dir:${at}/nowhere`, /is not there/]
      ] as const
      for (const [reference, says] of cases) {
        const { code, err, out } = yield* contreeLocal(["import", "--store", store, reference])
        expect([code, out.toString()]).toEqual([1, ""])
        expect(err).toMatch(says)
      }
      expect(Local.traces(store)).toEqual([])
    }))
})
