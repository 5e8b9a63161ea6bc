import { describe, expect, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { onTestFinished } from "vitest"
import { fromText } from "../../src/image/HostBytes.js"
import * as Steps from "../../src/image/Steps.js"
import * as Budget from "../../src/oci/Budget.js"
import * as Rootfs from "../../src/oci/Rootfs.js"
import * as Unpack from "../../src/oci/Unpack.js"
import { removeFolder, temporaryFolder } from "../box/BoxFixture.js"
import type { Entry } from "./Tar.js"
import { file, folder, link, symlink, tar } from "./Tar.js"

const isRoot = process.geteuid?.() === 0

const temporary = (): string => {
  const path = temporaryFolder()
  onTestFinished(() => removeFolder(path))
  return path
}

interface Unpacked {
  readonly root: string
  readonly diffIds: ReadonlyArray<string>
}

const unpackBlobs = async (blobs: ReadonlyArray<Buffer>, left = Budget.make()): Promise<Unpacked> => {
  const base = temporary()
  const root = join(base, "root")
  Fs.mkdirSync(root)
  // what an entry that leads out would meet
  Fs.writeFileSync(join(base, "outside"), "untouched")
  const rootfs = Rootfs.make(fromText(root), left)
  const diffIds: Array<string> = []
  try {
    for (const [index, blob] of blobs.entries()) {
      Fs.writeFileSync(join(base, `layer-${index}`), blob)
      const done = await Unpack.layer(rootfs, join(base, `layer-${index}`), new AbortController().signal)
      diffIds.push(done.diffId)
    }
    Steps.atOnce(Rootfs.seal(rootfs))
  } finally {
    expect(Fs.readFileSync(join(base, "outside"), "utf8")).toBe("untouched")
    expect(Fs.readdirSync(base).filter((name) => !name.startsWith("layer-")).sort()).toEqual(["outside", "root"])
  }
  return { root, diffIds }
}

const unpack = async (...layers: ReadonlyArray<ReadonlyArray<Entry>>): Promise<Unpacked> =>
  unpackBlobs(await Promise.all(layers.map(tar)))

/** each path with its kind, mode and content, as the host sees it */
const tree = (root: string, below = ""): Record<string, string> => {
  const all: Record<string, string> = {}
  for (const name of Fs.readdirSync(join(root, below)).sort()) {
    const path = below === "" ? name : `${below}/${name}`
    const stats = Fs.lstatSync(join(root, path))
    if (stats.isDirectory()) Object.assign(all, { [`${path}/`]: "" }, tree(root, path))
    else if (stats.isSymbolicLink()) all[path] = `-> ${Fs.readlinkSync(join(root, path))}`
    else all[path] = Fs.readFileSync(join(root, path), "utf8")
  }
  return all
}

describe("layers", () => {
  it("lie over each other: what is newer wins, of any kind over any other", async () => {
    const { root } = await unpack(
      [
        folder("a"),
        file("a/one", "1"),
        file("b", "b"),
        folder("c"),
        file("c/deep", "x"),
        symlink("d", "a"),
        file("e", "e")
      ],
      [
        file("a/two", "2"),
        folder("b"),
        file("b/in", "b"),
        file("c", "c"),
        folder("d"),
        file("d/own", "d"),
        symlink("e", "b")
      ]
    )
    expect(tree(root)).toEqual({
      "a/": "",
      "a/one": "1",
      "a/two": "2",
      "b/": "",
      "b/in": "b",
      c: "c",
      "d/": "",
      "d/own": "d",
      e: "-> b"
    })
  })

  it("remove by whiteouts what is below them, and nothing of their own", async () => {
    const { root } = await unpack(
      [
        folder("a"),
        file("a/gone"),
        file("a/kept"),
        folder("b"),
        file("b/old"),
        folder("b/sub"),
        file("b/sub/old"),
        file("c")
      ],
      [
        file("a/.wh.gone", ""),
        file("a/.wh.own", ""),
        file("a/own", "own"),
        // its own entries come before the mark, and after it
        file("b/before", "1"),
        folder("b/sub"),
        file("b/sub/new", "3"),
        file("b/.wh..wh..opq", ""),
        file("b/after", "2"),
        file(".wh.c", ""),
        file(".wh.never-there", ""),
        file("a/.wh..wh.plnk", ""),
        // below what is no folder any more, or never was
        file("a/own/.wh.x", ""),
        file("never/there/.wh.x", "")
      ]
    )
    expect(tree(root)).toEqual({
      "a/": "",
      "a/kept": "a/kept",
      "a/own": "own",
      "b/": "",
      "b/before": "1",
      "b/after": "2",
      "b/sub/": "",
      "b/sub/new": "3"
    })
  })

  it("write through links between folders as a root would see them, and never out of it", async () => {
    const { root } = await unpack(
      [
        folder("usr"),
        folder("usr/bin"),
        symlink("bin", "usr/bin"),
        symlink("up", "../../../.."),
        symlink("abs", "/usr")
      ],
      [
        file("bin/tool", "t"),
        file("up/outside", "inside"),
        file("abs/share/x", "x"),
        file("./dot/./y", "y"),
        file("/lead", "l")
      ]
    )
    expect(tree(root)).toEqual({
      abs: "-> /usr",
      bin: "-> usr/bin",
      "dot/": "",
      "dot/y": "y",
      lead: "l",
      outside: "inside",
      up: "-> ../../../..",
      "usr/": "",
      "usr/bin/": "",
      "usr/bin/tool": "t",
      "usr/share/": "",
      "usr/share/x": "x"
    })
  })

  it("take a link's own place: what it names is not written to", async () => {
    const { root } = await unpack(
      [file("real", "1"), link("same", "real"), symlink("soft", "real")],
      [file("same", "2"), file("soft", "3")]
    )
    expect(tree(root)).toEqual({ real: "1", same: "2", soft: "3" })
  })

  it("link to files of the layers below, under names of any kind", async () => {
    const long = `${"d".repeat(120)}/${"ü".repeat(100)}`
    const { root } = await unpack([file("a b\nc", "1"), file(long, "2")], [link("again", "a b\nc"), link("far", long)])
    expect(tree(root)).toMatchObject({ "a b\nc": "1", again: "1", far: "2", [long]: "2" })
    expect(Fs.statSync(join(root, "again")).ino).toBe(Fs.statSync(join(root, "a b\nc")).ino)
  })

  it("keep modes, times and owners", async () => {
    const { root } = await unpack([
      folder("locked", { mode: 0o555, mtime: new Date(2_000_000) }),
      file("locked/su", "s", { mode: 0o4755, uid: 7, gid: 70_000 }),
      folder("shared", { mode: 0o1777 }),
      file("later", "", { pax: { mtime: "1234567890.25", uid: "2097152" } })
    ])
    const stats = (path: string) => Fs.lstatSync(join(root, path))
    expect([stats("locked").mode & 0o7777, stats("locked").mtimeMs]).toEqual([0o555, 2_000_000])
    expect([stats("locked/su").mode & 0o7777, stats("shared").mode & 0o7777]).toEqual([0o4755, 0o1777])
    expect(stats("later").mtimeMs).toBe(1_234_567_890_250)
    const owners = ["locked/su", "later"].map((path) => [stats(path).uid, stats(path).gid])
    expect(owners).toEqual(
      isRoot ? [[7, 70_000], [2_097_152, 0]] : owners.map(() => [process.geteuid?.(), process.getegid?.()])
    )
  })

  it("may give the root itself a mode", async () => {
    const { root } = await unpack([folder("./", { mode: 0o711 })])
    expect(Fs.lstatSync(root).mode & 0o7777).toBe(0o711)
  })

  it("make pipes, and devices where they may", async () => {
    const { root } = await unpack([
      { name: "null", type: "character-device", devmajor: 1, devminor: 3 },
      { name: "mark", type: "character-device", devmajor: 0, devminor: 0 },
      { name: "pipe", type: "fifo" }
    ])
    expect(Fs.readdirSync(root).sort()).toEqual(isRoot ? ["null", "pipe"] : ["pipe"])
    expect(Fs.lstatSync(join(root, "pipe")).isFIFO()).toBe(true)
  })

  it("make none outside, when a folder on the way becomes a link afterwards", async () => {
    const { root } = await unpack([
      folder("d"),
      { name: "d/x", type: "fifo" },
      { name: "d/y", type: "character-device", devmajor: 1, devminor: 3 },
      symlink("d", "..")
    ])
    expect(Fs.readlinkSync(join(root, "d"))).toBe("..")
  })

  it("have the digest of their tar, whether compressed or not, in one member or several", async () => {
    const plain = await tar([file("a", "a".repeat(100_000))])
    const { diffIds } = await unpackBlobs([
      plain,
      gzipSync(plain),
      Buffer.concat([gzipSync(plain.subarray(0, 700)), gzipSync(plain.subarray(700))])
    ])
    expect(new Set(diffIds).size).toBe(1)
  })
})

describe("a layer that means harm, or is broken, is refused", () => {
  const refused = (entries: ReadonlyArray<Entry>, ...below: ReadonlyArray<ReadonlyArray<Entry>>) =>
    unpack(...below, entries).then(() => undefined, (error: { reason?: string; description?: string }) => error)

  it.each<[string, ReadonlyArray<Entry>]>([
    ["a path that leads up", [file("../outside", "x")]],
    ["a path that leads up and down", [file("a/../../outside", "x")]],
    ["a whiteout that leads up", [file("../.wh.outside", "")]],
    ["a hard link that leads up", [link("in", "../outside")]],
    ["a hard link through a symbolic link", [symlink("out", "/.."), link("in", "out/outside")]],
    ["a hard link to a folder", [folder("d"), link("in", "d")]],
    ["a hard link to nothing", [link("in", "nothing")]],
    ["something below a file", [file("f"), file("f/g")]],
    ["symbolic links in a circle", [symlink("a", "b"), symlink("b", "a"), file("a/f")]],
    ["a root that is a file", [file("./", "x"), symlink(".", "x")]],
    ["something in a folder that is a whiteout", [file("a/.wh.b/c", "x")]],
    ["a hard link in the place of the folder of its file", [file("a/b", "x"), link("a", "a/b")]]
  ])("%s", async (_, entries) => {
    expect(await refused(entries)).toMatchObject({ _tag: "ImportError", reason: "BadContent" })
  })

  it.each<[string, Entry]>([
    ["a sparse file", file("x", "x", { pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0" } })],
    ["a name that is not UTF-8 where only UTF-8 may be", file("x", "x", { pax: { path: "a\ufffdb" } })],
    ["a link to such a name", { ...symlink("x", "y"), pax: { linkpath: "a\ufffdb" } }]
  ])("%s", async (_, entry) => {
    expect(await refused([entry])).toMatchObject({ _tag: "ImportError", reason: "Unsupported" })
  })

  it("a name of dots is a name, and nothing else", async () => {
    const { root } = await unpack([file("a/...", "x"), file("a/.wh...", "")])
    expect(tree(root)).toEqual({ "a/": "", "a/...": "x" })
  })

  it("more bytes, entries or names than an image may have", async () => {
    const blob = gzipSync(await tar([file("zeros", Buffer.alloc(1_000_000)), file("a/b/more", "x")]))
    const with_ = (left: Partial<Budget.Budget>) =>
      unpackBlobs([blob], { bytes: 10_000_000, entries: 10, names: 10_000, ...left }).catch((error: unknown) => error)
    expect(await with_({ bytes: 999_999 })).toMatchObject({ reason: "TooLarge" })
    // the folders on the way count
    expect(await with_({ entries: 3 })).toMatchObject({ reason: "TooLarge" })
    expect(await with_({ names: 12 })).toMatchObject({ reason: "TooLarge" })
    expect(await with_({ entries: 4 })).toMatchObject({ diffIds: [expect.any(String)] })
  })

  it.each<[string, (whole: Buffer) => Buffer]>([
    ["a tar that ends early", (whole) => whole.subarray(0, 700)],
    ["a gzip that ends early", (whole) => gzipSync(whole).subarray(0, 40)],
    ["a gzip with a wrong byte", (whole) => Buffer.from(gzipSync(whole)).fill(0x55, 20, 40)],
    ["no tar at all", () => Buffer.from("x".repeat(5_000))]
  ])("%s", async (_, harm) => {
    const blob = harm(await tar([file("a", "a".repeat(5_000))]))
    expect(await unpackBlobs([blob]).catch((error: unknown) => error)).toMatchObject({ reason: "BadContent" })
  })

  it("and stops when it is told to", async () => {
    const base = temporary()
    Fs.mkdirSync(join(base, "root"))
    Fs.writeFileSync(join(base, "layer"), await tar([file("a")]))
    const stopped = Unpack.layer(
      Rootfs.make(fromText(join(base, "root"))),
      join(base, "layer"),
      AbortSignal.abort()
    )
    await expect(stopped).rejects.toThrow()
  })
})

describe("what a run mounts over", () => {
  it("is made where an image has nothing of the name, and left alone where it has", async () => {
    const { root } = await unpack([folder("etc"), file("etc/hosts", "own"), symlink("tmp", "var/tmp")])
    const rootfs = Rootfs.make(fromText(root))
    Rootfs.addMountPoints(rootfs)
    Steps.atOnce(Rootfs.seal(rootfs))
    expect(tree(root)).toEqual({
      "dev/": "",
      "etc/": "",
      "etc/hostname": "",
      "etc/hosts": "own",
      "etc/resolv.conf": "",
      "proc/": "",
      "sys/": "",
      tmp: "-> var/tmp"
    })
    expect(Fs.lstatSync(join(root, "proc")).mode & 0o7777).toBe(0o555)
  })
})
