import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { rmSync } from "node:fs"
import * as ImageTree from "../../src/image/ImageTree.js"
import { emptyStore, folder, imageOf, isRoot, runScript } from "../store/support.js"

/** The tree of an image made by these scripts, each a layer. The first runs in an empty folder. */
const treeOf = (first: string, ...others: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const store = yield* emptyStore
    let image = yield* imageOf(store, first)
    for (const script of others) image = (yield* runScript(store, image, script)).image
    return ImageTree.make(store, yield* store.images.layers(image))
  })

const collect = <E>(stream: Stream.Stream<Uint8Array, E>) =>
  Effect.map(Stream.runCollect(stream), (pieces) => Buffer.concat(Chunk.toReadonlyArray(pieces)))

const text = (tree: ImageTree.ImageTree, path: string | Uint8Array) =>
  Effect.flatMap(tree.read(path), ({ size, stream }) =>
    Effect.map(collect(stream), (bytes) => {
      expect(bytes.length).toBe(size)
      return bytes.toString()
    }))

const reason = (effect: Effect.Effect<unknown, { readonly reason: string }>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)

describe("a path", () => {
  it.scoped("never leaves the image", () =>
    Effect.gen(function*() {
      const tree = yield* treeOf(
        "mkdir -p etc a/b && echo inside > etc/passwd && ln -s /etc/passwd abs && ln -s ../../../../etc/passwd a/up && " +
          "ln -s / a/root && ln -s /proc/self/root/etc/passwd magic && ln -s ../../.. a/b/out && echo x > a/hostname"
      )
      for (
        const path of [
          "/etc/passwd",
          "/abs",
          "/a/up",
          "/../../etc/passwd",
          "/a/root/abs",
          "/a/b/out/etc/passwd",
          "/a/../abs"
        ]
      ) {
        expect(yield* text(tree, path)).toBe("inside\n")
      }
      expect((yield* tree.stat("/a/root/a/up")).realPath).toBe("/etc/passwd")
      expect(yield* reason(tree.stat("/magic"))).toBe("NotFound")
      expect(yield* reason(tree.stat("/etc/hostname"))).toBe("NotFound")
      expect((yield* tree.list("/a/b/out")).map(({ path }) => path)).toEqual(["a", "abs", "etc", "magic"])
    }))

  it.scoped("goes through links of one layer into another", () =>
    Effect.gen(function*() {
      const tree = yield* treeOf(
        "mkdir -p real/sub lib && ln -s real link && echo low > real/sub/f && echo lib > lib/x && echo x > gone && mkdir went",
        "echo high > real/sub/f && ln -s ../link/sub lib/sub",
        "rm gone && rmdir went && rm lib/x && mkdir lib/x && ln -s ../sub/f lib/x/f",
        "rm -rf real/sub && mkdir real/sub && echo new > real/sub/g"
      )
      expect(yield* text(tree, "/lib/sub/g")).toBe("new\n")
      expect(yield* reason(tree.read("/lib/x/f"))).toBe("NotFound")
      expect((yield* tree.stat("/lib/x/f", { follow: false })).symlink_to).toBe("../sub/f")
      expect(yield* reason(tree.stat("/gone"))).toBe("NotFound")
      expect(yield* reason(tree.list("/went"))).toBe("NotFound")
      expect((yield* tree.list("/")).map(({ path }) => path)).toEqual(["lib", "link", "real"])
      expect((yield* tree.list("/link/sub")).map(({ path }) => path)).toEqual(["g"])
    }))

  it.scoped("is refused for what it is", () =>
    Effect.gen(function*() {
      const tree = yield* treeOf(
        "mkdir d && echo f > f && mkfifo pipe && ln -s loop loop && ln -s nowhere dangling && ln -s f/ slash && " +
          "ln -s f c0 && for n in $(seq 1 41); do ln -s c$((n-1)) c$n; done"
      )
      expect(yield* reason(tree.list("/f"))).toBe("NotADirectory")
      expect(yield* reason(tree.stat("/f/"))).toBe("NotADirectory")
      expect(yield* reason(tree.stat("/f/.."))).toBe("NotADirectory")
      expect(yield* reason(tree.stat("/slash"))).toBe("NotADirectory")
      expect(yield* reason(tree.read("/d"))).toBe("IsADirectory")
      expect(yield* reason(tree.read("/pipe"))).toBe("NotRegular")
      expect(yield* reason(tree.stat("/loop"))).toBe("Loop")
      expect(yield* reason(tree.stat("/dangling"))).toBe("NotFound")
      expect(yield* reason(tree.stat("d"))).toBe("Invalid")
      expect(yield* reason(tree.stat(""))).toBe("Invalid")
      expect(yield* reason(tree.stat("/d\0"))).toBe("Invalid")
      expect(yield* reason(tree.stat(`/${"x".repeat(300)}`))).toBe("NotFound")
      // As the kernel: forty links are followed, one more is not.
      expect(yield* text(tree, "/c39")).toBe("f\n")
      expect(yield* reason(tree.stat("/c40"))).toBe("Loop")
      expect((yield* tree.stat("/d/.//.././d/")).realPath).toBe("/d")
      expect(yield* tree.stat("/..")).toMatchObject({ path: "/", realPath: "/", kind: "directory" })
    }))

  it.scoped("may be bytes, or the text that stands for them while it is clear", () =>
    Effect.gen(function*() {
      const tree = yield* treeOf("printf one > \"$(printf 'a\\377')\" && printf two > 'b b' && printf é > é")
      expect((yield* tree.list("/")).map(({ path }) => path)).toEqual(["a\uFFFD", "b b", "é"])
      expect(yield* text(tree, Buffer.from([0x2f, 0x61, 0xff]))).toBe("one")
      expect(yield* text(tree, "/a\uFFFD")).toBe("one")
      expect(yield* text(tree, "/é")).toBe("é")
      const two = yield* treeOf("printf one > \"$(printf 'a\\377')\" && printf two > \"$(printf 'a\\376')\"")
      expect(yield* reason(two.read("/a\uFFFD"))).toBe("NotFound")
    }))
})

it.scoped("an entry has what stat says, with the image's own names of owners", () =>
  Effect.gen(function*() {
    const tree = yield* treeOf(
      "mkdir etc && printf 'me:x:0:0::/:/bin/sh\\nagain:x:0:0::/:\\n\\nbroken\\nyou:x:1234:5::/:\\n' > etc/passwd && " +
        "ln -s passwd etc/group && echo hello > f && chmod 4750 f && ln f g && ln -s f l && mkfifo p && " +
        (isRoot ? "chown 1234:77 p && mknod c c 1 3 && " : "") + "touch -h -d @-1.5 l && touch -d @1700000000.9 f"
    )
    const by = Object.fromEntries((yield* tree.list("/")).map((item) => [item.path, item]))
    expect(by["f"]).toEqual({
      size: 6,
      path: "f",
      owner: "me",
      group: "me",
      uid: 0,
      gid: 0,
      mode: 0o104750,
      mtime: 1_700_000_000,
      nlink: 2,
      is_dir: false,
      is_regular: true,
      is_symlink: false,
      is_socket: false,
      is_fifo: false,
      symlink_to: ""
    })
    expect(by["l"]).toMatchObject({ is_symlink: true, is_regular: false, symlink_to: "f", size: 1, mtime: -2 })
    expect(by["etc"]).toMatchObject({ is_dir: true, mode: 0o40755 })
    expect(by["p"]).toMatchObject({ is_fifo: true, is_regular: false })
    if (isRoot) {
      expect(by["p"]).toMatchObject({ owner: "you", group: 77, uid: 1234, gid: 77 })
      expect(yield* tree.stat("/c")).toMatchObject({ kind: "character", is_regular: false, is_dir: false })
    }
  }))

const members = (archive: Buffer): ReadonlyArray<string> =>
  execFileSync("tar", ["-t", "--quoting-style=escape", "-f", "-"], { input: archive }).toString().trim().split("\n")

describe("an archive", () => {
  it.scoped("names what it holds from the root of the image, as it was asked for", () =>
    Effect.gen(function*() {
      const tree = yield* treeOf("mkdir -p a/b && echo x > a/b/f && ln -s a/b link && mkdir empty && echo y > top")
      const names = (path: string) => Effect.map(Effect.flatMap(tree.archive(path), collect), members)
      expect(yield* names("/a")).toEqual(["a/", "a/b/", "a/b/f"])
      expect(yield* names("/a/b/")).toEqual(["a/b/", "a/b/f"])
      expect(yield* names("/a/b/f")).toEqual(["a/b/f"])
      expect(yield* names("/link")).toEqual(["link/", "link/f"])
      expect(yield* names("/link/../b")).toEqual(["a/b/", "a/b/f"])
      expect(yield* names("//empty/.")).toEqual(["empty/"])
      expect(yield* names("/")).toEqual(["a/", "a/b/", "a/b/f", "empty/", "link", "top"])
      expect(yield* reason(tree.archive("/nope"))).toBe("NotFound")
    }))

  it.scoped("unpacks to the same: long names, links, bytes, sizes, times and devices", () =>
    Effect.gen(function*() {
      const long = "n".repeat(200)
      const make = `
        mkdir -p ${long}/${long} && echo deep > ${long}/${long}/f && ln -s ${long}/${long}/f to-long
        ln ${long}/${long}/f hard && printf '%0.s-' $(seq 1 512) > block && : > nothing
        head -c 700001 /dev/urandom > random && printf x > "$(printf 'a\\n\\377')" && ln -s "$(printf '\\376')" odd
        mkdir "$(printf '\\377${long}')" && echo é > "$(printf '\\377${long}')/é" && mkfifo pipe && chmod 0 nothing
        ln -s "$(printf '\\303\\251')" to-é && touch -d @-5 block && touch -d @99999999999 random
        ${isRoot ? "mknod char c 300 70000 && mknod block-device b 7 9 && chown 3000000:4000000 hard" : ""}`
      const store = yield* emptyStore
      const image = yield* imageOf(store, make)
      const [layer] = yield* store.images.layers(image)
      const tree = ImageTree.make(store, [layer!])
      const archive = yield* Effect.flatMap(tree.archive("/"), collect)
      const target = yield* folder
      execFileSync("tar", ["-x", "-p", "--numeric-owner", "-f", "-", "-C", target], {
        input: archive,
        stdio: ["pipe", "pipe", "ignore"]
      })
      const list =
        "find . -mindepth 1 \\( -type d -o -printf '%n %s ' \\) -printf '%P %y %m %U %G %Ts %l\\0' | sort -z; " +
        "find . -type c -o -type b | sort | xargs -r stat -c '%t %T'; find . -type f -readable | sort | xargs -d '\\n' cat | md5sum"
      const see = (cwd: string) => execFileSync("sh", ["-c", list], { cwd, stdio: ["pipe", "pipe", "ignore"] })
      expect(see(target).toString("latin1")).toBe(see(`${store.path}/${layer}`).toString("latin1"))
    }))

  it.scoped("can be broken off, and holds no more than a piece in memory", () =>
    Effect.gen(function*() {
      const tree = yield* treeOf("truncate -s 10G sparse && echo x > y")
      expect(yield* tree.stat("/sparse")).toMatchObject({ size: 10 * 2 ** 30 })
      const start = yield* Effect.flatMap(tree.archive("/"), (stream) => collect(Stream.take(stream, 3)))
      expect(start.length).toBeLessThan(2 << 20)
      const head = yield* Effect.flatMap(tree.read("/sparse"), ({ stream }) => collect(Stream.take(stream, 1)))
      expect(head.every((byte) => byte === 0)).toBe(true)
      // The same stream twice.
      const { stream } = yield* tree.read("/y")
      expect([yield* collect(stream), yield* collect(stream)].map(String)).toEqual(["x\n", "x\n"])
    }))
})

it.scoped("an image whose layer is gone says so, wherever in its chain it was", () =>
  Effect.gen(function*() {
    const store = yield* emptyStore
    yield* imageOf(store, "echo x > f")
    for (const layers of [["l/77"], ["l/77", "l/1"], ["l/1", "l/77"]]) {
      const tree = ImageTree.make(store, layers)
      for (const path of ["/", "/f", "/not there"]) {
        expect((yield* Effect.flip(tree.stat(path))).message).toBe(
          "Unreadable: /: the layer l/77 of the image is not there"
        )
      }
    }
  }))

it.scoped("what the host refuses is told by its code and the path of the image", () =>
  Effect.gen(function*() {
    const store = yield* emptyStore
    const tree = ImageTree.make(store, yield* store.images.layers(yield* imageOf(store, "mkdir d && echo x > d/f")))
    const { stream } = yield* tree.read("/d/f")
    rmSync(`${store.path}/l/1/d/f`)
    expect((yield* Effect.flip(collect(stream))).message).toBe("Unreadable: /d/f: the host answers ENOENT")
    const long = yield* Effect.flip(tree.stat(`/${"x".repeat(5000)}`))
    expect(long.reason).toBe("Invalid")
    expect(long.description).toBe("a path has at most 4096 bytes, and this one has 5001")
    expect(long.message.length).toBeLessThan(500)
  }))

it.scoped("an ordinary user is told of what cannot be packed before the first byte", () =>
  Effect.gen(function*() {
    const store = yield* emptyStore
    const image = yield* imageOf(store, "mkdir d && echo x > d/f && chmod 0 d/f")
    const tree = ImageTree.make(store, yield* store.images.layers(image))
    if (isRoot) {
      console.log("root reads everything: run as an ordinary user, this test looks at more")
      expect(members(yield* Effect.flatMap(tree.archive("/"), collect))).toEqual(["d/", "d/f"])
      return
    }
    expect((yield* Effect.flip(tree.archive("/"))).message).toBe("Unreadable: /d/f: the host answers EACCES")
  }))
