import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as StoreModule from "../../src/store/Store.js"
import { removeFolder, temporaryFolder } from "../box/BoxFixture.js"
import type { Client, Json } from "../support/LocalEngine.js"
import * as Local from "../support/LocalEngine.js"
import * as Real from "./RealRegistry.js"

/** What a layer may have that is easy to get wrong; the second part changes what the first made. */
const populate = String.raw`
set -e
mkdir -p proc dev sys tmp etc usr/bin var/empty gone/deep replaced/by/file opaque/old "a b" locked shared
: > etc/hosts; : > etc/hostname; : > etc/resolv.conf
printf 'tool' > usr/bin/tool; chmod 4755 usr/bin/tool
ln -s usr/bin bin; ln -s /etc/hosts absolute; ln -s nowhere dangling; ln -s ../../../../etc up
printf one > linked; ln linked 'a b/again'
printf spaces > 'a b/c d'; printf newline > "$(printf 'new\nline')"; printf unicode > 'ünïcödé-漢字-😀'
long=$(printf 'd%.0s' $(seq 120)); mkdir -p "long/$long/$long"; printf deep > "long/$long/$long/$long"
printf secret > locked/secret; chmod 000 locked/secret; chmod 700 locked; chmod 1777 shared tmp
printf owned > owned; chown 1234:54321 owned; chown -h 7:8 bin
printf x > gone/deep/file; printf y > replaced/by/file/in 2>/dev/null || printf y > replaced/by/file.txt
printf z > opaque/old/z; mkfifo pipe; mknod null c 1 3
head -c 300000 /dev/zero | tr '\0' 'q' > big
touch -d '2001-02-03 04:05:06 UTC' linked usr/bin/tool big
`

const change = String.raw`
set -e
rm -r gone; rm -r replaced/by; printf file > replaced/by
rm -r opaque/old; mkdir opaque/old; printf new > opaque/old/new
printf two > 'a b/c d'; chmod 600 'a b/c d'; rm dangling; mkdir dangling; printf in > dangling/in
chmod 755 usr/bin/tool; chown 0:99 var/empty; rm linked; ln -s usr linked; printf more > bin/more
`

const script = (folder: string, text: string): void => void Real.run("sh", "-c", `cd "$1" && ${text}`, "sh", folder)

const makeImage = (base: string): { readonly layout: string; readonly expected: string } => {
  const layout = join(base, "layout")
  const bundle = join(base, "bundle")
  Real.run("umoci", "init", "--layout", layout)
  Real.run("umoci", "new", "--image", `${layout}:v1`)
  Real.run("umoci", "unpack", "--image", `${layout}:v1`, bundle)
  script(join(bundle, "rootfs"), populate)
  Real.run("umoci", "repack", "--refresh-bundle", "--image", `${layout}:v1`, bundle)
  script(join(bundle, "rootfs"), change)
  Real.run("umoci", "repack", "--image", `${layout}:v1`, bundle)
  const unpacked = join(base, "unpacked")
  Real.run("umoci", "unpack", "--image", `${layout}:v1`, unpacked)
  return { layout, expected: join(unpacked, "rootfs") }
}

/** Everything that `lstat` and the bytes say, but what differs from disk to disk. */
const listing = (root: string): ReadonlyArray<string> => {
  const names = new Map<number, Array<string>>()
  const visit = (below: Buffer): ReadonlyArray<string> => {
    const at = Buffer.concat([Buffer.from(`${root}/`), below])
    const stats = Fs.lstatSync(at)
    const path = below.toString("latin1")
    const kind = (stats.mode & 0o170000).toString(8)
    if (stats.isFile() && stats.nlink > 1) names.set(stats.ino, [...names.get(stats.ino) ?? [], path])
    const content = stats.isFile()
      ? createHash("sha256").update(Fs.readFileSync(at)).digest("hex")
      : stats.isSymbolicLink()
      ? Fs.readlinkSync(at, "latin1")
      : stats.isDirectory()
      ? ""
      : String(stats.rdev)
    // a folder's own time is that of its last change while it was unpacked, where no layer says it
    const time = stats.isDirectory() ? "" : Math.floor(stats.mtimeMs / 1000)
    const mode = (stats.mode & 0o7777).toString(8)
    const line = [path, kind, stats.isSymbolicLink() ? "" : mode, stats.uid, stats.gid, time, content].join("|")
    const children = stats.isDirectory() ? Fs.readdirSync(at, { encoding: "buffer" }).sort(Buffer.compare) : []
    const inside = children.flatMap((name) =>
      visit(below.length === 0 ? name : Buffer.concat([below, Buffer.from("/"), name]))
    )
    return [line, ...inside]
  }
  const lines = visit(Buffer.alloc(0))
  return [...lines, ...[...names.values()].map((group) => `same file: ${group.join(", ")}`).sort()]
}

const importing = async (engine: Client, url: string, credentials?: object): Promise<Json> => {
  const { json } = await engine.call("POST", "/v1/images/import", { body: { registry: { url, credentials } } })
  return engine.ended(json.uuid)
}

const folder = Effect.acquireRelease(Effect.sync(temporaryFolder), (path) => Effect.sync(() => removeFolder(path)))

// umoci without root makes other trees: whoever is root compares
const isRoot = process.geteuid?.() === 0
if (Real.isThere && !isRoot) {
  console.warn("SKIPPED: the tests against a real registry need root, for owners and devices")
}

describe.skipIf(!Real.isThere || !isRoot)("an image of a real registry", () => {
  it.scopedLive("has the tree that umoci makes of it: by tag, by digest, with a password, and from its folder", () =>
    Effect.gen(function*() {
      const base = yield* folder
      const { expected, layout } = makeImage(base)
      const open = yield* Real.start(join(base, "open"), false)
      const locked = yield* Real.start(join(base, "locked"), true)
      open.push(`${layout}:v1`, "team/app:v1")
      locked.push(`${layout}:v1`, "app:v1")
      const store = join(base, "store")
      const engine = yield* Local.startOn(store, { localImages: [base] })
      const ids = yield* Local.promise(async () => {
        const digest = Real.run(
          "skopeo",
          "inspect",
          "--tls-verify=false",
          "--format",
          "{{.Digest}}",
          `docker://${open.host}/team/app:v1`
        )
        const first = await importing(engine, `docker://${open.host}/team/app:v1`)
        expect([first.status, first.error]).toEqual(["SUCCESS", null])
        const others = [
          await importing(engine, `docker://${open.host}/team/app@${digest.trim()}`),
          await importing(engine, `docker://${locked.host}/app:v1`, Real.user),
          await importing(engine, `oci:${layout}:v1`)
        ]
        expect(others.map(({ error, status }) => [status, error])).toEqual(others.map(() => ["SUCCESS", null]))
        expect((await importing(engine, `docker://${locked.host}/app:v1`)).error).toMatch(
          /refuses whoever has no credentials/
        )
        expect((await importing(engine, `docker://${locked.host}/app:v1`, { ...Real.user, password: "x" })).error)
          .toMatch(/refuses these credentials/)
        expect((await importing(engine, `docker://${open.host}/team/app:v2`)).error).toMatch(/does not have it/)
        return [first, ...others].map(({ result_image_uuid }) => result_image_uuid as string)
      })
      expect(new Set(ids).size).toBe(1)
      const opened = yield* StoreModule.open({ path: store, images: [] })
      const layers = yield* opened.images.layers(ids[0]!)
      expect(layers.length).toBe(1)
      expect(listing(join(store, layers[0]!))).toEqual(listing(expected))
    }))
})
