import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Option, Stream } from "effect"
import { Command, Errors, Image, Images } from "effect-contree"
import { imageId, imageOf, makeFake, withFake } from "../support/fakeApi.js"

describe("reading an image", () => {
  it.effect("a tag is looked up at each use", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* Effect.flatMap(Images.Images, (i) => i.use("tag:t")).pipe(Effect.provide(withFake(fake)))
      expect(yield* Effect.flip(image.ls())).toBeInstanceOf(Errors.NotFoundError)
      fake.tags.set("t", imageId(1))
      yield* image.read("/a")
      fake.tags.set("t", imageId(2))
      yield* image.read("/a")
      expect(fake.named("downloadFile").map((c) => c.args[0])).toEqual([imageId(1), imageId(2)])
    }))

  it.effect("entries have their whole path, and a name as it is", () =>
    Effect.gen(function*() {
      const image = yield* imageOf(makeFake())
      const [entry] = yield* image.ls("/tmp/")
      expect(entry).toMatchObject({
        _tag: "File",
        name: "a b\n",
        path: "/tmp/a b\n",
        size: 5n,
        mode: 0o644,
        group: "0"
      })
      expect((yield* image.ls())[0]!.path).toBe("/a b\n")
    }))

  it.effect("bytes, text, streams", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      expect(yield* image.readText("etc/x")).toBe("h\u00e9llo")
      expect((yield* image.read("/x")).length).toBe(6)
      expect(yield* image.readText("/x", "latin1")).toBe("h\u00c3\u00a9llo")
      expect(yield* Effect.flip(image.readText("/x", "klingon"))).toMatchObject({
        _tag: "InvalidArgumentError",
        argument: "encoding",
        message: "Image.readText: encoding cannot be used: no encoding is called \"klingon\": " +
          "write one such as \"utf-8\" or \"latin1\"; nothing was sent"
      })
      expect(Chunk.size(yield* Stream.runCollect(image.readStream("/x")))).toBe(2)
      yield* Stream.runDrain(image.archive("/x"))
      expect(fake.named("downloadFile")[0]!.args[1]).toBe("/etc/x")
      const sent = fake.named("downloadFile").length
      for (const read of [image.read("/a\0b"), Stream.runDrain(image.archive("\0")), image.exists("\0")]) {
        expect(yield* Effect.flip(read)).toMatchObject({ _tag: "InvalidArgumentError", argument: "path" })
      }
      expect(fake.named("downloadFile").length).toBe(sent)
    }))

  it.effect("exists: a file, a folder, nothing", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      expect(yield* Effect.all(["/file", "/folder", "/none"].map((path) => image.exists(path)))).toEqual([
        true,
        true,
        false
      ])
      fake.failures.set("checkImageFile", [new Errors.UnprocessableError({ method: "x" })])
      expect(yield* image.exists("/folder")).toBe(true)
      fake.failures.set("inspectImage", [new Errors.NotFoundError({ method: "inspectImage", status: 404 })])
      expect(yield* Effect.flip(image.exists("/none"))).toMatchObject({ _tag: "NotFoundError" })
    }))

  it.effect("grep says what was given", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      yield* image.grep("a+", { path: "/etc", maxTotal: 3, case: "smart" })
      expect(fake.named("grep")[0]!.args[1]).toMatchObject({
        pattern: ["a+"],
        path: ["/etc"],
        max_total: 3,
        case: "smart"
      })
    }))
})

describe("changing an image", () => {
  it.effect("tags", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      const tagged = yield* image.tagAs("a:1")
      expect([Option.getOrNull(tagged.tag), tagged.id.value]).toEqual(["a:1", imageId(1)])
      const plain = yield* tagged.untag()
      expect([Option.getOrNull(plain.tag), fake.tags.size]).toEqual([null, 0])
      expect(yield* Effect.flip(plain.untag())).toBeInstanceOf(Errors.InvalidArgumentError)
      expect(yield* Effect.flip(plain.tagAs("a b"))).toBeInstanceOf(Errors.InvalidArgumentError)
    }))

  it.effect("files: a new image, or a failure that says why", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      const made = yield* image.applyFiles({ "/a": "x" }, { tag: "with-a" })
      expect(fake.tags.get("with-a")).toBe(made.id.value)
      expect(fake.named("spawnInstance")[0]!.args[0]).toMatchObject({ command: "true", disposable: false })
      fake.onSpawn = (o) => void o.exit(127, imageId(3))
      const error = yield* Effect.flip(image.applyFiles({ "/a": "x" }))
      expect(error).toMatchObject({ _tag: "FailedOperationError", exit: { code: 127 } })
    }))

  it.effect("the image of a disposable run is none", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const { image } = yield* Effect.flatMap(imageOf(fake), (i) => i.run(Command.exec("true")))
      const before = fake.calls.length
      expect(Image.isImage(image) && !Image.isKept(image)).toBe(true)
      for (
        const use of [image.run(Command.exec("true")), image.ls(), image.scratch, image.tagAs("x"), image.session()]
      ) {
        expect(yield* Effect.flip(use)).toBeInstanceOf(Errors.DisposableImageRunError)
      }
      expect(yield* image.state).toBe("Disposed")
      expect(fake.calls.length).toBe(before)
    }))
})
