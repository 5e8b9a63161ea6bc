import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { Command, Image, Images } from "effect-contree"
import { engineLayer } from "../support/engine.js"

const busybox = Effect.flatMap(Images.Images, (images) => images.use("busybox:latest"))

/** a tree with all that makes names and links hard */
const built = Effect.gen(function*() {
  const base = yield* busybox
  const script = `
    mkdir -p /app/sub /app/empty && cd /app
    printf 'hello\\n' > ./-dash && printf x > 'a b' && printf y > "$(printf 'new\\nline')" && printf z > 'é'
    chmod 750 ./-dash
    ln ./-dash sub/hard && ln -s sub tofolder && ln -s ../-dash sub/tofile && ln -s /nowhere dangling
    mkfifo fifo
    n=$(printf 'n%.0s' $(seq 200)); mkdir -p "$n/$n" && printf deep > "$n/$n/f"
    dd if=/dev/zero bs=65536 count=1024 2>/dev/null | tr '\\0' 'q' > big
    ln -s app /byname
  `
  return (yield* base.run(Command.shell(script), { disposable: false, check: true })).image
})

layer(Layer.merge(engineLayer(), NodeContext.layer), { timeout: "5 minutes" })("files of a real image", (it) => {
  it.scoped("are listed, read, downloaded, alone and as a folder, and seen as a file system", () =>
    Effect.gen(function*() {
      const image = yield* built
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const long = "n".repeat(200)

      const entries = yield* image.ls("/app")
      const kinds = Object.fromEntries(entries.map((entry) => [entry.name, entry.type]))
      expect(kinds).toEqual({
        "-dash": "File",
        "a b": "File",
        big: "File",
        dangling: "SymbolicLink",
        empty: "Directory",
        fifo: "FIFO",
        "new\nline": "File",
        [long]: "Directory",
        sub: "Directory",
        tofolder: "SymbolicLink",
        "é": "File"
      })
      for (const entry of entries) {
        if (entry._tag !== "File" || entry.name === "big") continue
        const path = yield* entry.download({ to: folder })
        expect(yield* fs.readFileString(path)).toBe(yield* entry.readText())
      }
      expect((yield* fs.readDirectory(folder)).sort()).toEqual(["-dash", "a b", "new\nline", "é"].sort())
      expect(yield* fs.readFileString(yield* image.download("/app/sub/tofile", { to: folder }))).toBe("hello\n")

      const big = yield* image.download("/byname/big", { to: `${folder}/big` })
      expect((yield* fs.stat(big)).size).toBe(64n * 1024n * 1024n)

      for (const path of ["/app", "/byname", "/tmp/../app/"]) {
        const out = yield* image.downloadDirectory(path, { to: `${folder}/out`, overwrite: true })
        expect((yield* fs.readDirectory(out)).sort()).toEqual(Object.keys(kinds).filter((n) => n !== "fifo").sort())
        expect(yield* fs.readFileString(`${out}/${long}/${long}/f`)).toBe("deep")
        expect(yield* fs.readFileString(`${out}/tofolder/tofile`)).toBe("hello\n")
        expect(yield* fs.readLink(`${out}/dangling`)).toBe("/nowhere")
        const [first, second] = [yield* fs.stat(`${out}/-dash`), yield* fs.stat(`${out}/sub/hard`)]
        expect([first.mode & 0o777, first.ino]).toEqual([0o750, second.ino])
      }
      expect(yield* Effect.flip(image.downloadDirectory("/app/big", { to: `${folder}/o` }))).toMatchObject({
        _tag: "InvalidArgumentError"
      })
      expect(yield* Effect.flip(image.download("/app/sub", { to: `${folder}/o` }))).toMatchObject({
        _tag: "UnprocessableError"
      })
      expect(yield* Effect.flip(image.download("/app/no", { to: `${folder}/o` }))).toMatchObject({
        _tag: "NotFoundError"
      })
      expect((yield* fs.readDirectory(folder)).filter((name) => name.startsWith(".part"))).toEqual([])
      expect(yield* fs.exists(`${folder}/o`)).toBe(false)

      const view = Image.fileSystem(image)
      expect((yield* view.readDirectory("/app", { recursive: true })).sort()).toContain(`${long}/${long}/f`)
      expect(yield* view.readFileString("/byname/tofolder/tofile")).toBe("hello\n")
      expect(yield* view.realPath("/byname/tofolder/tofile")).toBe("/app/-dash")
      const [seen, local] = [yield* view.stat("/app/sub/tofile"), yield* fs.stat(`${folder}/out/-dash`)]
      expect([seen.type, seen.mode, seen.size]).toEqual([local.type, local.mode, local.size])
      expect(Option.getOrNull(seen.nlink)).toBe(2)
      const found = yield* Effect.forEach(
        ["/app/fifo", "/app/empty", "/app/dangling", "/app/no", "/app/-dash/x"],
        (path) => Effect.orElseSucceed(view.exists(path), () => "error")
      )
      expect(found.slice(0, 4)).toEqual([true, true, false, false])
    }))
})
