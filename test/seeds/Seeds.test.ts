import { NodeContext } from "@effect/platform-node"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Option, Redacted, Sink, Stream } from "effect"
import type { Image } from "effect-contree"
import { Command, ContreeApi, File, Ids, Images, Operations, Output } from "effect-contree"
import { ContreeTest } from "effect-contree/testing"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fromPages, pythonApi } from "./pythonApi.js"
import { makeRecorder } from "./Recorder.js"
import { missing, render, rows } from "./table.js"

/**
 * Every method and parameter of the Python API has a name here, a test that is seen to use it, and a row in
 * docs/python.md, which is written from these: `UPDATE_DOCS=1 npx vitest run test/seeds`.
 */
const usedBy = new Map<string, string>()

const echo: ContreeTest.Handler = (call) => ({
  stdout: `${ContreeTest.text(call.command)}|${call.env["NAME"] ?? ""}|${call.cwd ?? ""}|`,
  stderr: call.stdin,
  writes: { "/made": "by the command\n" }
})

const Double = ContreeTest.layer({
  images: { "busybox:latest": { "/etc/hosts": "127.0.0.1 localhost\n", "/etc/deep/x": "x" } },
  imports: { "python:3.12": { "/usr/bin/python3": "elf" }, "quay.io/team/app:1": { "/app": "elf" } },
  runs: [
    ContreeTest.on("false", { exitCode: 1 }),
    ContreeTest.on("cat", (call) => ({ output: Stream.map(call.input, (stdout) => ({ stdout })) })),
    ContreeTest.on(() => true, echo)
  ]
})

interface Given {
  readonly images: Images.Service
  readonly busybox: Image.Image
}

const seed = <E, R>(title: string, test: (given: Given) => Effect.Effect<void, E, R>) =>
  it.scoped(title, () =>
    Effect.gen(function*() {
      const recorder = makeRecorder()
      const images = recorder.watch("Images", yield* Images.Images)
      const busybox = yield* images.use("busybox:latest")
      yield* test({ images, busybox })
      for (const use of recorder.seen) if (!usedBy.has(use)) usedBy.set(use, title)
    }).pipe(Effect.provide(Double), Effect.provide(NodeContext.layer)) as Effect.Effect<void, E>)

const same = (a: Image.KeptImage, b: Image.KeptImage): void => {
  assert.isString(a.id.value)
  assert.strictEqual(a.id.value, b.id.value)
}

/** what the service was asked to import last */
const lastImport = Effect.gen(function*() {
  const [operation] = yield* (yield* Operations.Operations).list({ kind: "image_import", number: 1 })
  assert(operation)
  const { metadata } = yield* (yield* ContreeApi.ContreeApi).getOperation(operation.id)
  return metadata as { readonly registry?: { readonly url?: string }; readonly tag?: string; readonly timeout?: number }
})

const credentials = { username: "somebody", password: Redacted.make("secret") }

describe("images", () => {
  seed("list", ({ busybox, images }) =>
    Effect.gen(function*() {
      const made = yield* busybox.run(Command.exec("touch"), { disposable: false, tag: "made:1" })
      const all = { number: 10, tagged: true, since: "1 day", until: new Date(60_000) } as const
      const instances = yield* images.list({ ...all, kind: "instance" })
      assert.deepStrictEqual(instances.map((image) => image.id.value), [made.image.id.value])
      const imported = yield* images.list({ ...all, kind: "imported" })
      assert.isFalse(imported.some((image) => image.id.value === made.image.id.value))
      assert.isAbove(imported.length, 0)
    }))

  seed("stream", ({ images }) =>
    Effect.gen(function*() {
      const first = yield* Stream.runHead(images.stream())
      assert.isTrue(Option.isSome(first))
    }))

  seed("use", ({ images }) =>
    Effect.gen(function*() {
      const handle = yield* images.use("busybox:latest")
      assert.deepStrictEqual([handle.id, handle.tag], [Option.none(), Option.some(Ids.Tag.make("busybox:latest"))])
      const pinned = yield* images.use("busybox:latest", { strict: true })
      assert.isTrue(Option.isSome(pinned.id))
      const gone = yield* Effect.flip(images.use("tag:not-there", { strict: true }))
      assert.strictEqual(gone._tag, "NotFoundError")
    }))

  for (const name of ["oci", "docker", "podman", "pullByOci"] as const) {
    seed(name, ({ images }) =>
      Effect.gen(function*() {
        // there is one with the tag: nothing is imported
        same(yield* images[name]("busybox:latest"), yield* images.use("busybox:latest", { strict: true }))
        const python = yield* images[name]("python:3.12", { tag: "mine:1", timeout: "90 seconds", ...credentials })
        const asked = yield* lastImport
        assert.deepInclude(asked, { tag: "mine:1", timeout: 90 })
        assert.strictEqual(asked.registry?.url, "docker://docker.io/library/python:3.12")
        same(python, yield* images.use("tag:mine:1", { strict: true }))
      }))
  }

  seed("importFrom", ({ images }) =>
    Effect.gen(function*() {
      const ref = "quay.io/team/app:1"
      const app = yield* images.importFrom(ref, { tag: "app:1", timeout: 1500, ...credentials })
      assert.deepInclude(yield* lastImport, { tag: "app:1", timeout: 2 })
      assert.isTrue(yield* app.exists("/app"))
      const half = yield* Effect.flip(images.importFrom(ref, { username: "somebody" }))
      assert.strictEqual(half._tag, "InvalidArgumentError")
      const id = yield* Effect.flip(images.importFrom(app.id.value))
      assert.strictEqual(id._tag, "InvalidReferenceError")
    }))

  seed("pull", ({ images }) =>
    Effect.gen(function*() {
      const options = { newTag: "pulled:1", timeout: "1 minute", ...credentials } as const
      const image = yield* images.pull("docker://docker.io/library/python:3.12", options)
      assert.deepInclude(yield* lastImport, { tag: "pulled:1", timeout: 60 })
      same(image, yield* images.pull("pulled:1"))
    }))
})

describe("image", () => {
  const folder = mkdtempSync(join(tmpdir(), "contree-seeds-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  seed("run", ({ busybox, images }) =>
    Effect.gen(function*() {
      const done = yield* busybox.run(Command.exec("echo", ["a", "b c"]), {
        env: { NAME: "value" },
        cwd: "/etc",
        hostname: "box",
        stdin: "said",
        timeout: "1 minute",
        disposable: false,
        tag: "run:1",
        files: { "/in": File.text("content") }
      })
      assert.strictEqual(done.stdout.text, "echo a b c|value|/etc|")
      assert.strictEqual(done.stderr.text, "said")
      assert.strictEqual(done.exitCode, 0)
      assert.isDefined(done.elapsed)
      assert.deepStrictEqual(done.image.tag, Option.some(Ids.Tag.make("run:1")))
      assert.isTrue(Option.isSome(done.image.id))
      assert.strictEqual(yield* done.image.readText("/in"), "content")
      const [call] = yield* (yield* ContreeTest.ContreeTest).calls
      assert.deepInclude(call, { disposable: false, tag: "busybox:latest" })
      same(done.image, yield* images.use("tag:run:1", { strict: true }))
      assert.strictEqual((yield* busybox.run(Command.shell("echo x | cat"))).exitCode, 0)
    }))

  seed("run into sinks", ({ busybox }) =>
    Effect.gen(function*() {
      const errors: Array<Uint8Array> = []
      yield* busybox.run(Command.exec("echo"), {
        stdin: "to stderr",
        stdout: Output.toFile(join(folder, "stdout")),
        stderr: Sink.forEach((bytes: Uint8Array) => Effect.sync(() => errors.push(bytes)))
      })
      assert.strictEqual(readFileSync(join(folder, "stdout"), "utf8"), "echo|||")
      assert.strictEqual(Buffer.concat(errors).toString(), "to stderr")
    }))

  seed("start", ({ busybox }) =>
    Effect.gen(function*() {
      const process = yield* busybox.start(Command.exec("cat"))
      yield* Stream.make("in ", "pieces").pipe(Stream.encodeText, Stream.run(process.stdin))
      const result = yield* process.result
      assert.strictEqual(result.stdout.text, "in pieces")
      assert.strictEqual(yield* process.state.get, "Succeeded")
    }))

  seed("session", ({ busybox }) =>
    Effect.gen(function*() {
      const session = yield* busybox.session()
      yield* session.run(Command.exec("touch"))
      assert.strictEqual((yield* session.history).length, 2)
    }))

  seed("ls, read and download", ({ busybox }) =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* busybox.ls("/etc")).map(({ _tag, name }) => [_tag, name]).sort(), [
        ["Directory", "deep"],
        ["File", "hosts"]
      ])
      assert.strictEqual(new TextDecoder().decode(yield* busybox.read("/etc/hosts")), "127.0.0.1 localhost\n")
      const file = yield* busybox.download("/etc/hosts", { to: join(folder, "hosts") })
      assert.strictEqual(readFileSync(file, "utf8"), "127.0.0.1 localhost\n")
    }))

  seed("popen", ({ busybox }) =>
    Effect.gen(function*() {
      const open = yield* busybox.popen(["cat"], { stdin: "pipe", text: true, stdout: "pipe", stderr: "ignore" })
      assert.deepStrictEqual(yield* open.communicate("hello"), { stdout: "hello", stderr: "" })
      const shell = yield* busybox.popen("run this", {
        shell: true,
        input: "said",
        text: true,
        cwd: "/etc",
        env: { NAME: "value" },
        timeout: "1 minute"
      })
      assert.strictEqual(yield* shell.wait, 0)
      assert.deepStrictEqual(Chunk.join(yield* Stream.runCollect(shell.stdout), ""), "run this|value|/etc|")
      const checked = yield* busybox.popen(["false"], { check: true })
      assert.strictEqual((yield* Effect.flip(checked.wait))._tag, "CommandFailedError")
    }))
})

describe("the table", () => {
  it("has every member and parameter of the Python API", () => {
    assert.deepStrictEqual(missing, [])
  })

  it("is of the list that the reference pages give", () => {
    const pages = fromPages()
    if (pages === undefined) {
      process.stdout.write("SKIPPED: the Python reference pages do not lie beside this checkout; the copy is used\n")
      return
    }
    assert.deepStrictEqual([...new Set(pages)].sort(), pythonApi.map(({ text }) => text).sort())
  })

  it("names a test for each row, and that test was seen to use it", () => {
    assert.deepStrictEqual(
      rows.filter(({ uses }) => !usedBy.has(uses)).map(({ python, uses }) => `${python}: ${uses}`),
      []
    )
  })

  it("stands in docs/python.md", () => {
    const page = resolve(import.meta.dirname, "../../docs/python.md")
    const text = readFileSync(page, "utf8")
    const written = text.replace(
      /(<!-- seeds:begin -->\n)[^]*?(<!-- seeds:end -->)/,
      (_, begin: string, end: string) => `${begin}${render(usedBy)}\n${end}`
    )
    if (process.env["UPDATE_DOCS"] !== undefined) writeFileSync(page, written)
    assert.strictEqual(text.includes("<!-- seeds:begin -->"), true)
    assert.strictEqual(process.env["UPDATE_DOCS"] === undefined ? text : written, written)
  })
})
