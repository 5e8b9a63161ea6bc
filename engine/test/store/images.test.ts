import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { ImageId } from "effect-contree/Ids"
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { randomUUID } from "node:crypto"
import * as Commit from "../../src/store/Commit.js"
import type { StoreError } from "../../src/store/StoreError.js"
import type { Store } from "../../src/store/Store.js"
import { busybox, freshStore, newOperation, runScript } from "./support.js"

const page = { limit: 100, offset: 0 }
const nobody = ImageId.make(randomUUID())

const shape = (store: Store, query: Partial<Parameters<Store["images"]["list"]>[0]>) =>
  Effect.map(
    store.images.list({ ...page, ...query }),
    (images) => images.map(({ row, tag }) => [row.id, tag])
  )

/** An image by hand, without a mount: a file in an upper. */
const imageWith = (
  store: Store,
  parent: ImageId,
  name: string,
  finish: Parameters<Store["images"]["commit"]>[0]["finish"] = () => undefined
) =>
  Effect.gen(function*() {
    const id = yield* newOperation
    yield* store.operations.create({ id, kind: "instance", imageId: parent })
    const { upper } = yield* store.workspace(id)
    writeFileSync(`${store.path}/${upper}/${name}`, name)
    return yield* store.images.commit({ operationId: id, parent, upper, tag: Option.none(), env: {}, finish })
  }).pipe(Effect.scoped)

describe("tags", () => {
  it.scoped("move, and an image may have several", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const base = yield* busybox(store)
      const image = yield* imageWith(store, base, "x")
      const row = Option.getOrThrow(yield* store.images.setTag(image, "b"))
      expect(row.tags).toEqual(["b"])
      expect(Option.getOrThrow(yield* store.images.setTag(image, "a")).tags).toEqual(["a", "b"])
      expect(Option.getOrThrow(yield* store.images.setTag(base, "b")).tags).toEqual(["b", "busybox", "busybox:latest"])
      expect(yield* store.images.findByTag("b")).toEqual(Option.some(base))
      expect(Option.getOrThrow(yield* store.images.get(image)).tags).toEqual(["a"])
      // Case counts.
      expect(yield* store.images.findByTag("B")).toEqual(Option.none())
      expect(yield* store.images.setTag(nobody, "b")).toEqual(Option.none())
      expect(yield* store.images.findByTag("b")).toEqual(Option.some(base))
    }))

  it.scoped("are removed one by one or all at once", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const base = yield* busybox(store)
      const image = yield* imageWith(store, base, "x")
      for (const tag of ["a", "b", "c"]) yield* store.images.setTag(image, tag)
      expect(yield* store.images.removeTag(image, "a")).toBe("removed")
      expect(yield* store.images.removeTag(image, "a")).toBe("no tag")
      // Another image's.
      expect(yield* store.images.removeTag(image, "busybox")).toBe("no tag")
      expect(yield* store.images.removeTag(image)).toBe("removed")
      expect(yield* store.images.removeTag(image)).toBe("no tag")
      expect(yield* store.images.removeTag(nobody)).toBe("no image")
      expect(yield* store.images.findByTag("busybox")).toEqual(Option.some(base))
    }))
})

describe("list", () => {
  it.scoped("pages and filters, newest first, a row for each tag", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const base = yield* busybox(store)
      const one = yield* imageWith(store, base, "1")
      const two = yield* imageWith(store, base, "2")
      const three = yield* imageWith(store, base, "3")
      yield* store.images.setTag(two, "app_1:b")
      yield* store.images.setTag(two, "app_1:a")
      yield* store.images.setTag(one, "appX1")
      const all = [
        [three, null],
        [two, "app_1:a"],
        [two, "app_1:b"],
        [one, "appX1"],
        [base, "busybox"],
        [base, "busybox:latest"]
      ]
      expect(yield* shape(store, {})).toEqual(all)
      expect(yield* shape(store, { limit: 2, offset: 1 })).toEqual(all.slice(1, 3))
      expect(yield* shape(store, { offset: 6 })).toEqual([])
      expect(yield* shape(store, { tagged: true })).toEqual(all.slice(1))
      expect(yield* shape(store, { tagged: false })).toEqual(all)
      // `_` is no wildcard, and case counts.
      expect(yield* shape(store, { tagPrefix: "app_" })).toEqual(all.slice(1, 3))
      expect(yield* shape(store, { tagPrefix: "App" })).toEqual([])
      expect(yield* shape(store, { tagPrefix: "1:a" })).toEqual([])
      expect(yield* shape(store, { tagPrefix: "" })).toEqual(all.slice(1))
      expect(yield* shape(store, { id: two })).toEqual(all.slice(1, 3))
      expect(yield* shape(store, { id: "no id" })).toEqual([])

      const at = Option.getOrThrow(yield* store.images.get(two)).createdAt
      expect((yield* shape(store, { since: at })).map(([id]) => id)).toEqual([three, two, two])
      expect((yield* shape(store, { until: at })).map(([id]) => id)).toEqual([two, two, one, base, base])
      expect(yield* shape(store, { since: { seconds: at.seconds + 3600, nanos: 0 } })).toEqual([])
    }).pipe(Effect.withClock(Effect.runSync(Effect.clock))))
})

describe("commit", () => {
  it.scoped("makes an image of parent, operation and environment, with its own layer on top", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const base = yield* busybox(store)
      const { id, image, size } = yield* runScript(store, base, "printf 12345 > x", { tag: "t", env: { A: "1" } })
      const row = Option.getOrThrow(yield* store.images.get(image))
      expect(row).toMatchObject({
        parent: Option.some(base),
        operationId: Option.some(id),
        tags: ["t"],
        env: { A: "1" }
      })
      expect(size).toBe(5)
      expect(yield* store.images.layers(image)).toEqual([...yield* store.images.layers(base), "l/2"])
      expect(Option.getOrThrow(yield* store.operations.get(id))).toMatchObject({
        status: "SUCCESS",
        resultImageId: image,
        imageSize: 5
      })
      expect(readdirSync(`${store.path}/tmp`)).toEqual([])
    }))

  it.scoped("takes everything back when `finish` throws, and can go on", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const base = yield* busybox(store)
      const before = readdirSync(`${store.path}/l`)
      const id = yield* newOperation
      yield* store.operations.create({ id, kind: "instance" })
      const error: StoreError = yield* Effect.flip(imageWith(store, base, "x", (_image, _size, tx) => {
        expect(tx.transition(id, ["PENDING"], "SUCCESS")).toBe(true)
        expect(existsSync(`${store.path}/l/2/x`)).toBe(true)
        throw new Error("cancelled meanwhile")
      }))
      expect(error).toMatchObject({ _tag: "StoreError", reason: "Aborted", cause: { message: "cancelled meanwhile" } })
      expect(readdirSync(`${store.path}/l`)).toEqual(before)
      expect(readdirSync(`${store.path}/tmp`)).toEqual([])
      expect((yield* store.images.list(page)).map(({ row }) => row.id)).toEqual([base, base])
      expect(Option.getOrThrow(yield* store.operations.get(id)).status).toBe("PENDING")
      yield* imageWith(store, base, "x")
    }))

  it.scoped("keeps the environment of an unchanged run in an image without a layer of its own", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const base = yield* busybox(store)
      const kept = yield* runScript(store, base, "true", { env: { A: "1", B: "2" } })
      expect(kept.image).not.toBe(base)
      expect(kept.size).toBe(0)
      expect(yield* store.images.layers(kept.image)).toEqual(yield* store.images.layers(base))
      const again = yield* runScript(store, kept.image, "true", { env: { B: "2", A: "1" }, tag: "same" })
      expect(again.image).toBe(kept.image)
      expect(yield* store.images.findByTag("same")).toEqual(Option.some(kept.image))
    }))

  it.scoped("refuses a parent that is not there, and takes over a layer that a dead process left", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const base = yield* busybox(store)
      const missing = yield* Effect.flip(store.images.commit({
        operationId: null,
        parent: nobody,
        upper: "tmp/none/u",
        tag: Option.none(),
        env: {},
        finish: () => undefined
      }))
      expect(missing.reason).toBe("Missing")
      expect((yield* Effect.flip(store.images.layers(nobody))).reason).toBe("Missing")
      mkdirSync(`${store.path}/l/2/old`, { recursive: true })
      writeFileSync(`${store.path}/l/2.opaque`, "old\0")
      const image = yield* imageWith(store, base, "new")
      expect(yield* store.images.layers(image)).toEqual(["l/1", "l/2"])
      expect(readdirSync(`${store.path}/l/2`)).toEqual(["new"])
      expect(existsSync(`${store.path}/l/2.opaque`)).toBe(false)
    }))

  it.scoped("keeps what a hundred runs left, one on the other, in as few layers as one mount takes", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      let image = yield* busybox(store)
      for (let n = 0; n < 100; n++) image = yield* imageWith(store, image, `f${n}`)
      const layers = yield* store.images.layers(image)
      expect(layers.length).toBeLessThanOrEqual(Commit.maxLayers)
      const names = layers.flatMap((layer) => readdirSync(`${store.path}/${layer}`))
      for (let n = 0; n < 100; n++) expect(names).toContain(`f${n}`)
    }))
})
