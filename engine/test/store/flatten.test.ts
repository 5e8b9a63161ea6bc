import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Option } from "effect"
import type { ImageId } from "effect-contree/Ids"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { pack } from "tar-stream"
import * as ImageTree from "../../src/image/ImageTree.js"
import * as Layer from "../../src/image/Layer.js"
import * as MergedTree from "../../src/image/MergedTree.js"
import * as Steps from "../../src/image/Steps.js"
import * as Commit from "../../src/store/Commit.js"
import type { Store } from "../../src/store/Store.js"
import { emptyStore, imageOf, newOperation, runScript } from "./support.js"

/** A kept run by hand: a script of the host in an upper, without a mount. */
const child = (store: Store, parent: ImageId, script: string) =>
  Effect.gen(function*() {
    const id = yield* newOperation
    yield* store.operations.create({ id, kind: "instance", imageId: parent })
    const { upper } = yield* store.workspace(id)
    execFileSync("sh", ["-c", script], { cwd: `${store.path}/${upper}` })
    const finish = () => undefined
    return yield* store.images.commit({ operationId: id, parent, upper, tag: Option.none(), env: {}, finish })
  }).pipe(Effect.scoped)

const lineOf = (path: string, { gid, mode, mtimeMs, uid }: Fs.Stats, content: string): string =>
  [path, mode.toString(8), uid, gid, Math.floor(mtimeMs), content].join("|")

const withoutTime = (line: string): string => line.split("|").filter((_, index) => index !== 4).join("|")

/** Every path with its kind, mode, owner, time and content. */
const listing = (root: string, path = ""): ReadonlyArray<string> => {
  const stats = Fs.lstatSync(root + path)
  if (!stats.isDirectory()) return [lineOf(path, stats, stats.isFile() ? Fs.readFileSync(root + path, "latin1") : "")]
  return [
    lineOf(path, stats, ""),
    ...Fs.readdirSync(root + path).sort().flatMap((name) => listing(root, `${path}/${name}`))
  ]
}

/** The same of an image, through the layers as they are. */
const treeOf = (store: Store, image: ImageId) =>
  Effect.map(store.images.layers(image), (layers) => {
    const lines: Array<string> = []
    const visit = (node: MergedTree.Node, path: string): void => {
      const content = node.stats.isFile() ? Fs.readFileSync(Buffer.from(node.host, "latin1"), "latin1") : ""
      lines.push(lineOf(path, node.stats, content))
      if (!node.stats.isDirectory()) return
      for (const [name, inner] of Steps.atOnce(MergedTree.children(node))) visit(inner, `${path}/${name}`)
    }
    visit(MergedTree.root(layers.map((layer) => Layer.load(store.path, layer))), "")
    return { lines, depth: layers.length }
  })

describe("a long chain", () => {
  it.scoped("is cut short from time to time, and nobody sees it", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      let image = yield* imageOf(
        store,
        "mkdir -p keep 'a b'; echo 0 > count; echo deep > keep/deep; chmod 750 keep; ln -s keep link"
      )
      const seen: Array<{ readonly image: ImageId; readonly lines: ReadonlyArray<string> }> = []
      for (let n = 1; n <= 60; n++) {
        image = yield* child(
          store,
          image,
          `echo ${n} > count; echo ${n} > 'n-${n}'; touch -d @${1_000_000 + n} 'n-${n}'`
        )
        seen.push({ image, lines: (yield* treeOf(store, image)).lines })
      }
      const depths: Array<number> = []
      for (const [index, { image, lines }] of seen.entries()) {
        const { depth, lines: now } = yield* treeOf(store, image)
        // a later image left this one as it was
        expect(now).toEqual(lines)
        expect(now.filter((line) => line.startsWith("/n-")).length).toBe(index + 1)
        depths.push(depth)
      }
      expect(Math.max(...depths)).toBe(Commit.maxLayers)
      expect(depths.filter((depth) => depth === 1).length).toBe(2)
      const tree = ImageTree.make(store, yield* store.images.layers(image))
      expect((yield* tree.stat("/keep")).mode & 0o7777).toBe(0o750)
      expect((yield* tree.stat("/link")).is_symlink || (yield* tree.stat("/link/deep")).is_regular).toBe(true)
      // the layers that nobody made but the store are where all are, and nothing else is left
      expect(Fs.readdirSync(`${store.path}/tmp`)).toEqual([])
    }))

  it.scoped("shows what a plain folder shows to which the same was done, run by run", () =>
    Effect.gen(function*() {
      const name = fc.constantFrom("a", "b", "a/x", "b/x", "b/y", "c")
      const action = fc.record({ name, kind: fc.constantFrom("file", "folder", "link", "nothing") })
      const runs = fc.sample(fc.array(action, { minLength: 1, maxLength: 4 }), { numRuns: 30, seed: 7 })
      const store = yield* emptyStore
      const first = "mkdir a b; echo a > a/x; echo b > b/x; echo c > c"
      const mirror = `${store.path}/mirror`
      Fs.mkdirSync(mirror)
      execFileSync("sh", ["-c", first], { cwd: mirror })
      let image = yield* imageOf(store, first)
      const depths: Array<number> = []
      for (const [n, actions] of runs.entries()) {
        const script = actions.map(({ kind, name }) => {
          const [folder, inner] = name.split("/")
          const parent = inner === undefined
            ? ""
            : `[ -d ${folder} ] && [ ! -h ${folder} ] || { rm -rf ${folder}; mkdir ${folder}; }; `
          const make =
            { file: `echo ${n} > ${name}`, folder: `mkdir ${name}`, link: `ln -s a ${name}`, nothing: ":" }[kind]
          return `${parent}rm -rf ${name}; ${make}`
        }).join("; ")
        execFileSync("sh", ["-c", `${script}; echo ${n} > n`], { cwd: mirror })
        image = (yield* runScript(store, image, `${script}; echo ${n} > n`)).image
        const { depth, lines } = yield* treeOf(store, image)
        depths.push(depth)
        expect(lines.map(withoutTime)).toEqual(listing(mirror).map(withoutTime))
      }
      expect(Math.max(...depths)).toBe(Commit.maxLayers)
      expect(depths).toContain(1)
    }))

  it.scoped("stays where folders have attributes that nothing here could carry over", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      let image = yield* imageOf(store, "mkdir marked")
      const archive = yield* Effect.promise(async () => {
        const packed = pack()
        packed.entry({ name: "marked", type: "directory", mode: 0o755, pax: { "SCHILY.xattr.user.mark": "1" } })
        packed.finalize()
        const pieces: Array<Buffer> = []
        for await (const piece of packed) pieces.push(piece as Buffer)
        return Buffer.concat(pieces)
      })
      const file = `${store.path}/attributes.tar`
      Fs.writeFileSync(file, archive)
      const attempt = Effect.try(() =>
        execFileSync("sh", [
          "-c",
          `cd "$1" && mkdir try && tar -C try --xattrs --xattrs-include='*' -xf "$2"`,
          "sh",
          `${store.path}/tmp`,
          file
        ], { stdio: "pipe" })
      )
      const possible = yield* Effect.isSuccess(attempt)
      Fs.rmSync(`${store.path}/tmp/try`, { recursive: true, force: true })
      if (!possible) return console.warn("SKIPPED: this file system has no extended attributes")
      image = yield* child(store, image, `tar --xattrs --xattrs-include='*' -xf '${file}'`)
      for (let n = 0; n < 25; n++) image = yield* child(store, image, `echo ${n} > n`)
      expect((yield* treeOf(store, image)).depth).toBe(27)
    }))
})
