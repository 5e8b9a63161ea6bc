import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Option, Stream, TestClock } from "effect"
import type { ImageId } from "effect-contree/Ids"
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import type { Policy } from "../../src/store/Collect.js"
import type { Store } from "../../src/store/Store.js"
import { busybox, freshStore, makeChildCommand, newOperation } from "./support.js"

const childCommand = makeChildCommand()

const policy: Policy = { keepFor: Duration.days(7), dryRun: false }
const aWhile = TestClock.adjust("8 days")
const longAgo = new Date(0)

/** A run by hand that writes one file; its events are a file too. */
const child = (store: Store, parent: ImageId, name: string, tag?: string) =>
  Effect.gen(function*() {
    const id = yield* newOperation
    yield* store.operations.create({ id, kind: "instance", imageId: parent })
    Fs.writeFileSync(`${store.path}/events/${id}`, "events")
    Fs.utimesSync(`${store.path}/events/${id}`, longAgo, longAgo)
    const { upper } = yield* store.workspace(id)
    Fs.writeFileSync(`${store.path}/${upper}/${name}`, name)
    const image = yield* store.images.commit({
      operationId: id,
      parent,
      upper,
      tag: Option.fromNullable(tag),
      env: {},
      finish: (image, imageSize, tx) => {
        tx.transition(id, ["PENDING"], "SUCCESS", { resultImageId: image, imageSize })
      }
    })
    return { id, image }
  }).pipe(Effect.scoped)

/** A run that changed nothing, or failed. */
const idle = (store: Store, parent: ImageId, status = "SUCCESS") =>
  Effect.gen(function*() {
    const id = yield* newOperation
    yield* store.operations.create({ id, kind: "instance", imageId: parent, status })
    return id
  })

const isThere = (store: Store, image: ImageId) => Effect.map(store.images.get(image), Option.isSome)

const layerFiles = (store: Store, image: ImageId) =>
  Effect.map(
    store.images.layers(image),
    (layers) => layers.flatMap((layer) => Fs.readdirSync(`${store.path}/${layer}`))
  )

const upload = (store: Store, text: string) => store.files.upload(Stream.make(Buffer.from(text)), { maxBytes: 1_000 })

describe("the collection of garbage", () => {
  it.scoped("takes images without a name that nobody used for a while, with what only they needed", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const base = yield* busybox(store)
      const parent = yield* child(store, base, "parent")
      const named = yield* child(store, parent.image, "named", "keep")
      const unnamed = yield* child(store, named.image, "unnamed")
      const layersBefore = Fs.readdirSync(`${store.path}/l`).length
      yield* aWhile
      const young = yield* child(store, base, "young")
      expect(yield* store.collect(policy)).toEqual({
        images: 2,
        layers: 1,
        operations: 2,
        files: 0,
        blobs: 0,
        bytes: "unnamed".length + 2 * "events".length,
        damaged: []
      })
      const there = yield* Effect.forEach(
        [base, parent, named, unnamed, young].map((one) => typeof one === "string" ? one : one.image),
        (image) => isThere(store, image)
      )
      expect(there).toEqual([true, false, true, false, true])
      // the layer of the parent is the child's too
      expect(yield* layerFiles(store, named.image)).toEqual(expect.arrayContaining(["parent", "named"]))
      expect(Fs.readdirSync(`${store.path}/l`).length).toBe(layersBefore)
      expect(Fs.readdirSync(`${store.path}/tmp`)).toEqual([])
      // what made a kept image stays with it
      const left = yield* Effect.forEach([parent, named, unnamed], ({ id }) => store.operations.get(id))
      expect(left.map(Option.isSome)).toEqual([false, true, false])
      expect(Fs.readdirSync(`${store.path}/events`).sort()).toEqual([named.id, young.id].sort())
      // a second time there is nothing to do
      expect((yield* store.collect(policy)).bytes).toBe(0)
    }))

  it.scoped("leaves what is in use: by a run that goes on, or by one of late", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const base = yield* busybox(store)
      const running = yield* child(store, base, "running")
      const used = yield* child(store, base, "used")
      const result = yield* child(store, base, "result")
      yield* idle(store, running.image, "EXECUTING")
      const finished = yield* idle(store, base)
      yield* aWhile
      yield* idle(store, used.image)
      const late = yield* newOperation
      yield* store.operations.create({ id: late, kind: "instance", imageId: base })
      yield* store.operations.transition(late, ["PENDING"], "SUCCESS", { resultImageId: result.image })
      yield* store.collect(policy)
      const images = [running, used, result].map(({ image }) => image)
      expect(yield* Effect.forEach(images, (image) => isThere(store, image))).toEqual([true, true, true])
      expect(Option.isNone(yield* store.operations.get(finished))).toBe(true)
    }))

  it.scoped("takes uploads, and the same content can be uploaded again", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const [old, needed] = yield* Effect.all([upload(store, "old"), upload(store, "needed")])
      const id = yield* newOperation
      yield* store.operations.create({ id, kind: "instance", metadata: JSON.stringify({ files: { "/f": needed.id } }) })
      // somebody died before the row, and somebody else's file
      Fs.writeFileSync(`${store.path}/files/${"a".repeat(64)}`, "stray")
      Fs.writeFileSync(`${store.path}/files/README`, "mine")
      yield* aWhile
      const young = yield* upload(store, "young")
      expect(yield* store.collect(policy)).toMatchObject({ files: 1, bytes: 3 })
      expect(Fs.readdirSync(`${store.path}/files`).sort()).toEqual([needed.sha256, young.sha256, "README"].sort())
      expect(Option.isNone(yield* store.files.get(old.sha256))).toBe(true)
      const again = yield* upload(store, "old")
      expect(Fs.readFileSync(store.files.path(again), "utf8")).toBe("old")
    }))

  it.scoped("takes blobs that no import touched for a while, and none while an import goes on", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const [old, fresh] = ["1", "2"].map((digit) => digit.repeat(64))
      for (const name of [old, fresh]) Fs.writeFileSync(`${store.path}/blobs/${name}`, "blob")
      yield* aWhile
      Fs.utimesSync(`${store.path}/blobs/${old}`, longAgo, longAgo)
      const id = yield* newOperation
      yield* store.operations.create({ id, kind: "image_import" })
      expect(yield* store.collect(policy)).toMatchObject({ blobs: 0 })
      yield* store.operations.transition(id, ["PENDING"], "FAILED")
      expect(yield* store.collect(policy)).toMatchObject({ blobs: 1, bytes: 4 })
      expect(Fs.readdirSync(`${store.path}/blobs`)).toEqual([fresh])
    }))

  it.scoped("can be asked what it would take, and takes nothing", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const gone = yield* child(store, yield* busybox(store), "gone")
      yield* upload(store, "upload")
      yield* aWhile
      const told = yield* store.collect({ ...policy, dryRun: true })
      expect(told).toMatchObject({ images: 1, layers: 1, operations: 1, files: 1 })
      expect(yield* layerFiles(store, gone.image)).toContain("gone")
      expect(yield* store.collect(policy)).toEqual(told)
      expect(yield* isThere(store, gone.image)).toBe(false)
    }))

  it.scoped("leaves the log of a run whose row is still to come, however little is to be kept", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const log = `${store.path}/events/${yield* newOperation}`
      Fs.writeFileSync(log, "")
      // files have the machine's time
      yield* TestClock.setTime(Date.now() + 1_000)
      yield* store.collect({ keepFor: Duration.zero, dryRun: false })
      expect(Fs.existsSync(log)).toBe(true)
      yield* TestClock.adjust("2 hours")
      yield* store.collect({ keepFor: Duration.zero, dryRun: false })
      expect(Fs.existsSync(log)).toBe(false)
    }))

  it.scoped("keeps nothing for long when it is told so, but names and bases", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const base = yield* busybox(store)
      const named = yield* child(store, base, "named", "keep")
      const young = yield* child(store, base, "young")
      yield* TestClock.adjust("1 millis")
      yield* store.collect({ keepFor: Duration.zero, dryRun: false })
      const there = yield* Effect.forEach([base, named.image, young.image], (image) => isThere(store, image))
      expect(there).toEqual([true, true, false])
    }))

  it.scopedLive("goes on beside another process that makes images, and takes none that it needs", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const [program, script] = childCommand
      const made = yield* Effect.async<string, Error>((resume) => {
        const other = spawn(program, [script, store.path, "commit", "20"], { stdio: ["ignore", "pipe", "inherit"] })
        let text = ""
        other.stdout.on("data", (piece: Buffer) => {
          text += piece.toString()
        })
        other.on(
          "close",
          (code) => resume(code === 0 ? Effect.succeed(text) : Effect.fail(new Error(`it ended ${code}`)))
        )
      }).pipe(
        Effect.raceFirst(Effect.forever(
          Effect.zipRight(
            Effect.orDie(store.collect({ keepFor: Duration.zero, dryRun: false })),
            Effect.sleep("5 millis")
          )
        ))
      )
      const images = made.trim().split("\n")
      expect(images.length).toBe(20)
      const last = Option.getOrThrow(yield* store.images.findByTag("last"))
      expect(images.at(-1)).toContain(last)
      expect(yield* layerFiles(store, last)).toContain("who")
      yield* store.collect({ keepFor: Duration.zero, dryRun: false })
      // each layer on disk is the base's, or the last one's
      const layers = yield* store.images.layers(last)
      expect(Fs.readdirSync(`${store.path}/l`).sort()).toEqual(layers.map((layer) => layer.slice(2)).sort())
    }))
})
