import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs"
import * as ImageTree from "../../src/image/ImageTree.js"
import * as Tools from "../../src/box/Tools.js"
import * as Store from "../../src/store/Store.js"
import { busybox, childInNamespace, folder, makeChildCommand, runScript } from "../store/support.js"

/** Runs with another PATH; the tools of the system stay reachable behind it. */
const withPath = <A, E, R>(path: string, effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const before = process.env["PATH"]
      process.env["PATH"] = path
      return before
    }),
    () => effect,
    (before) =>
      Effect.sync(() => {
        process.env["PATH"] = before
      })
  )

const childCommand = makeChildCommand()

const systemPath = process.env["PATH"] ?? ""

describe("busybox", () => {
  it.scoped("has its commands, its accounts and the places to mount on", () =>
    Effect.gen(function*() {
      const store = yield* Store.open({ path: `${yield* folder}/store` })
      const image = yield* busybox(store)
      expect(yield* store.images.findByTag("busybox:latest")).toEqual(Option.some(image))
      expect(Option.getOrThrow(yield* store.images.get(image))).toMatchObject({ env: {}, parent: Option.none() })
      const tree = ImageTree.make(store, yield* store.images.layers(image))
      const sh = yield* tree.stat("/bin/sh")
      expect(sh).toMatchObject({ realPath: "/bin/busybox", mode: 0o100755, owner: "root", group: "root" })
      for (const name of ["/bin/ls", "/bin/cat", "/usr/bin/env", "/sbin/init", "/usr/sbin/chroot"]) {
        expect((yield* tree.stat(name)).realPath).toBe("/bin/busybox")
      }
      const modes = { "/root": 0o700, "/tmp": 0o1777, "/var/tmp": 0o1777, "/proc": 0o555, "/sys": 0o555, "/dev": 0o755 }
      for (const [path, mode] of Object.entries(modes)) {
        expect([path, (yield* tree.stat(path)).mode & 0o7777]).toEqual([path, mode])
      }
      for (const name of ["passwd", "group", "hosts", "resolv.conf", "hostname"]) {
        expect((yield* tree.stat(`/etc/${name}`)).mode).toBe(0o100644)
      }
    }))

  it.scoped("is the same in every store, whatever the umask, and built once", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const umask = process.umask(0o077)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.umask(umask)))
      const one = yield* Store.open({ path: `${path}/one` })
      process.umask(0)
      const two = yield* Store.open({ path: `${path}/two`, images: ["busybox:latest"] })
      expect(yield* busybox(one)).toBe(yield* busybox(two))
      const list = (store: Store.Store) => ImageTree.make(store, ["l/1"]).list("/")
      const shape = (items: ReadonlyArray<{ path: string; mode: number; mtime: number }>) =>
        items.map(({ mode, mtime, path }) => [path, mode, mtime])
      expect(shape(yield* list(one))).toEqual(shape(yield* list(two)))
      const again = yield* Store.open({ path: `${path}/one` })
      expect(readdirSync(`${path}/one/l`)).toEqual(["1"])
      expect(yield* busybox(again)).toBe(yield* busybox(one))
    }))

  it.scoped("is built anew when the host's has changed, and leaves a tag that was given away", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const real = yield* Tools.find.busybox
      mkdirSync(`${path}/bin`)
      copyFileSync(real, `${path}/bin/busybox`)
      // What is behind the end of a program does not matter to it.
      writeFileSync(`${path}/bin/busybox`, Buffer.concat([readFileSync(real), Buffer.from("newer")]))
      chmodSync(`${path}/bin/busybox`, 0o755)
      const open = Store.open({ path: `${path}/store` })
      const old = yield* Effect.scoped(Effect.flatMap(open, busybox))
      const store = yield* withPath(`${path}/bin:${systemPath}`, open)
      const current = yield* busybox(store)
      expect(current).not.toBe(old)
      expect(yield* store.images.findByTag("busybox:latest")).toEqual(Option.some(current))
      // The old one stays, for what is built on it.
      expect(Option.isSome(yield* store.images.get(old))).toBe(true)

      const mine = (yield* runScript(store, current, "echo x > mine")).image
      yield* store.images.setTag(mine, "busybox")
      yield* store.images.removeTag(current, "busybox:latest")
      yield* Effect.scoped(open)
      expect(yield* store.images.findByTag("busybox")).toEqual(Option.some(mine))
      expect(yield* store.images.findByTag("busybox:latest")).toEqual(Option.some(old))
      utimesSync(`${path}/bin/busybox`, 1, 1)
      yield* Effect.scoped(withPath(`${path}/bin:${systemPath}`, open))
      expect(readdirSync(`${path}/store/l`)).toHaveLength(3)
    }))

  it.scoped("says what to type where there is none", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const hide = "for p in $(which -a busybox busybox.static); do mount --bind /dev/null $p; done"
      const without = yield* childInNamespace(childCommand, hide, `${path}/one`, "commit", "0")
      expect(without).toMatch(/MissingTool: .*apt-get install busybox-static/)
    }))
})
