import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Logger, Option, Stream, TestClock } from "effect"
import type { ImageId } from "effect-contree/Ids"
import * as Fs from "node:fs"
import * as Gc from "../../src/cli/Gc.js"
import * as Images from "../../src/cli/Images.js"
import * as Ps from "../../src/cli/Ps.js"
import * as Tree from "../../src/cli/Tree.js"
import type { Value } from "../../src/store/Database.js"
import * as Overview from "../../src/store/Overview.js"
import * as Store from "../../src/store/Store.js"
import { busybox, emptyStore, folder, freshStore, imageOf, newOperation } from "./support.js"
import { sql } from "./tamper.js"

const page = { limit: 100, offset: 0 }
const all = { limit: 1_000, offset: 0 }
const policy = { keepFor: Duration.days(7), dryRun: false }
const plain = { width: Number.POSITIVE_INFINITY, paint: (_: unknown, text: string) => text }

/** What is logged meanwhile, a line for each. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    return Effect.map(
      Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger)),
      (value) => ({ value, lines })
    )
  })

const idsOf = (store: Store.Store, query: { readonly limit: number; readonly offset: number } = page) =>
  Effect.map(store.images.list(query), (rows) => rows.map(({ row }) => row.id))

/** Three images, the newest first, a second apart. */
const three = (store: Store.Store) =>
  Effect.gen(function*() {
    const ids: Array<ImageId> = []
    for (const name of ["a", "b", "c"]) {
      yield* TestClock.adjust("1 seconds")
      const id = yield* imageOf(store, `echo ${name} > ${name}`)
      yield* store.images.setTag(id, name)
      ids.unshift(id)
    }
    return ids as [ImageId, ImageId, ImageId]
  })

const ways: ReadonlyArray<readonly [column: string, value: Value]> = [
  ["layers", "x"],
  ["layers", ""],
  ["layers", "[]"],
  ["layers", "[1.5]"],
  ["layers", "{\"0\":1}"],
  ["env", "{"],
  ["env", "null"],
  ["env", "{\"A\":1}"],
  ["created", "yesterday"],
  ["parent", "nobody"],
  ["operation", "nothing"]
]

describe("an image whose row is damaged", () => {
  it.scoped.each(ways)(
    "in %s by %j is told by its name, and the rest works",
    ([column, value]) =>
      Effect.gen(function*() {
        const store = yield* emptyStore
        const [newest, damaged, oldest] = yield* three(store)
        yield* sql(store.path, `UPDATE image SET ${column} = ? WHERE id = ?`, value, damaged)
        const { lines, value: listed } = yield* logged(Effect.zipRight(idsOf(store), idsOf(store)))
        expect(listed).toEqual([newest, oldest])
        const said = `the image ${damaged} is damaged: its column ${column} holds what no engine writes; ` +
          "import it or make it again, or restore contree.db from a copy"
        // however often it is asked
        expect(lines).toEqual([`left out of the list: ${said}`])
        const failing = [
          store.images.get(damaged),
          store.images.layers(damaged),
          store.images.setTag(damaged, "other"),
          Effect.scoped(Effect.gen(function*() {
            const id = yield* newOperation
            yield* store.operations.create({ id, kind: "instance", imageId: damaged })
            yield* store.workspace(id)
          }))
        ]
        for (const effect of failing) {
          const error = yield* Effect.flip<unknown, unknown, never>(effect)
          expect(error).toMatchObject({ _tag: "StoreError", reason: "Damaged", description: said })
        }
        expect(yield* store.images.findByTag("other")).toEqual(Option.none())
        for (const whole of [newest, oldest]) {
          expect(Option.isSome(yield* store.images.get(whole))).toBe(true)
          expect(yield* store.images.layers(whole)).toHaveLength(1)
        }
        // it can lose its name all the same
        expect(yield* store.images.removeTag(damaged)).toBe("removed")
      })
  )

  it.scoped("leaves pages full, and hides nothing behind it", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      const [newest, damaged, oldest] = yield* three(store)
      yield* sql(store.path, "UPDATE image SET env = '{' WHERE id = ?", damaged)
      expect(yield* idsOf(store, { limit: 2, offset: 0 })).toEqual([newest, oldest])
      const seen: Array<ImageId> = []
      for (let offset = 0; offset < 10;) {
        const ids = yield* idsOf(store, { limit: 1, offset })
        if (ids.length === 0) break
        seen.push(...ids)
        offset += ids.length
      }
      expect([...new Set(seen)]).toEqual([newest, oldest])
    }))

  it.scoped("is shown as damaged by `images` and `tree`, whatever of it can be read", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      const [newest, damaged, oldest] = yield* three(store)
      yield* sql(store.path, "UPDATE image SET layers = 'x' WHERE id = ?", damaged)
      yield* store.images.removeTag(oldest)
      yield* sql(store.path, "UPDATE image SET id = X'00ff' WHERE id = ?", oldest)
      yield* sql(store.path, "UPDATE layer SET size = 'large'")
      const overview = yield* Overview.open(store.path)
      const images = yield* overview.images
      expect(images.map(({ damage, id, tags }) => [id, tags, Option.getOrNull(damage)])).toEqual([
        ["#1", [], "its column id holds what no engine writes"],
        [damaged, ["b"], "its column layers holds what no engine writes"],
        [newest, ["c"], null]
      ])
      const [, first, second, third] = Images.table(images, { seconds: 60 }, plain).split("\n")
      expect(first).toMatch(/^#1 .*\(damaged: its column id /)
      expect(second).toMatch(new RegExp(`^${damaged.slice(0, 8)} +b .*\\(damaged: its column layers `))
      expect(third).toMatch(new RegExp(`^${newest.slice(0, 8)} +c [^(]*$`))
      expect(Tree.render(images, plain)).toContain(`● ${damaged.slice(0, 8)} b  (damaged: its column layers`)
      expect(yield* overview.beginning(newest.slice(0, 8))).toEqual([newest])
    }))

  it.scoped("keeps every layer from the collection of garbage, which says so and goes on with all else", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const damaged = yield* imageOf(store, "echo a > a")
      const garbage = yield* imageOf(store, "echo b > b")
      yield* store.files.upload(Stream.make(Buffer.from("upload")), { maxBytes: 100 })
      yield* sql(store.path, "UPDATE image SET layers = 'x' WHERE id = ?", damaged)
      yield* TestClock.adjust("8 days")
      const layers = Fs.readdirSync(`${store.path}/l`)
      const told = yield* store.collect({ ...policy, dryRun: true })
      expect(told).toMatchObject({ images: 1, layers: 0, files: 1 })
      const collected = yield* store.collect(policy)
      expect(collected).toEqual(told)
      expect(Fs.readdirSync(`${store.path}/l`)).toEqual(layers)
      expect(yield* store.images.get(garbage)).toEqual(Option.none())
      const [what, how, ...more] = Gc.warnings(collected, "/a store")
      expect(what).toContain(`the image ${damaged} is damaged: its column layers`)
      expect(how).toMatch(
        /every layer stays.* sqlite3 '\/a store\/contree.db' 'DELETE FROM image WHERE seq IN \(\d+\)'$/
      )
      expect(more).toEqual([])
      // as it is told: then its layer goes, and that of the garbage, which was nobody's meanwhile
      yield* sql(store.path, /'(DELETE FROM image .*)'$/.exec(how!)![1]!)
      const after = yield* store.collect(policy)
      expect(after).toMatchObject({ images: 0, layers: 2, damaged: [] })
      expect(Gc.warnings(after, "/a store")).toEqual([])
    }))

  it.scoped("keeps the layers also where it has lost its id, by which nothing leads to it any more", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const damaged = yield* imageOf(store, "echo a > a")
      yield* sql(store.path, "UPDATE image SET id = 'lost' WHERE id = ?", damaged)
      yield* sql(store.path, "UPDATE layer SET size = 'large'")
      yield* TestClock.adjust("8 days")
      const { damaged: found, layers } = yield* store.collect(policy)
      expect([layers, found.map(({ description }) => description)]).toEqual([
        0,
        [expect.stringContaining("the image lost is damaged: its column id")]
      ])
    }))
})

describe("an image with a layer that is gone", () => {
  it.scoped("says which, wherever in its chain it was, and is shown so", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const base = yield* busybox(store)
      const other = yield* imageOf(store, "echo x > x")
      const id = yield* newOperation
      yield* store.operations.create({ id, kind: "instance", imageId: base })
      const child = yield* Effect.scoped(Effect.gen(function*() {
        const { upper } = yield* store.workspace(id)
        Fs.writeFileSync(`${store.path}/${upper}/new`, "new")
        return yield* store.images.commit({
          operationId: id,
          parent: base,
          upper,
          tag: Option.none(),
          env: {},
          finish: () => undefined
        })
      }))
      Fs.renameSync(`${store.path}/l/1`, `${store.path}/elsewhere`)
      for (const image of [base, child]) {
        const error = yield* Effect.flip(store.images.layers(image))
        expect(error.message).toBe(
          `Damaged: the image ${image} is damaged: its layer l/1 is not there; import it or make it again, or restore ` +
            "contree.db from a copy"
        )
      }
      expect(yield* store.images.layers(other)).toHaveLength(1)
      const images = yield* Effect.flatMap(Overview.open(store.path), ({ images }) => images)
      const why = Option.some("its layer l/1 is not there")
      expect(new Map(images.map(({ damage, id }) => [id, damage]))).toEqual(
        new Map([[base, why], [child, why], [other, Option.none()]])
      )
    }))

  it.scoped("is built anew when it is a base image, under its id and with its tags", () =>
    Effect.gen(function*() {
      const path = `${yield* folder}/store`
      const image = yield* Effect.scoped(Effect.gen(function*() {
        const store = yield* Store.open({ path })
        const image = yield* busybox(store)
        yield* store.images.setTag(image, "mine")
        return image
      }))
      const damages = [
        Effect.sync(() => Fs.rmSync(`${path}/l/1`, { recursive: true })),
        sql(path, "UPDATE image SET env = '{'"),
        sql(path, "UPDATE tag SET image = 'nobody' WHERE name = 'busybox'")
      ]
      for (const damage of damages) {
        yield* damage
        yield* Effect.scoped(Effect.gen(function*() {
          const store = yield* Store.open({ path })
          expect(yield* busybox(store)).toBe(image)
          expect(Option.getOrThrow(yield* store.images.get(image))).toMatchObject({
            env: {},
            tags: ["busybox", "busybox:latest", "mine"]
          })
          expect(yield* store.images.layers(image)).toHaveLength(1)
        }))
      }
      // what is whole is left alone
      expect(Fs.readdirSync(`${path}/l`).filter((name) => !name.includes(".")).length).toBe(2)
    }))
})

it.scoped("an operation whose row is damaged is told by its name, and the rest works", () =>
  Effect.gen(function*() {
    const store = yield* emptyStore
    const [first, damaged, lost] = [yield* newOperation, yield* newOperation, yield* newOperation]
    for (const id of [first, damaged, lost]) {
      yield* store.operations.create({ id, kind: "instance", status: "SUCCESS", metadata: "{\"command\":\"ls\"}" })
    }
    yield* sql(store.path, "UPDATE operation SET duration = 'long' WHERE id = ?", damaged)
    yield* sql(store.path, "UPDATE operation SET id = '../../x' WHERE id = ?", lost)
    const { lines, value } = yield* logged(store.operations.list(all))
    expect(value.map(({ id }) => id)).toEqual([first])
    expect(lines).toEqual([
      expect.stringContaining("the operation ../../x is damaged: its column id"),
      expect.stringContaining(`the operation ${damaged} is damaged: its column duration`)
    ])
    expect(yield* Effect.flip(store.operations.get(damaged))).toMatchObject({ reason: "Damaged" })
    const operations = yield* Effect.flatMap(Overview.open(store.path), ({ operations }) => operations("all"))
    expect(operations.map(({ status }) => status)).toEqual(["DAMAGED", "DAMAGED", "SUCCESS"])
    expect(Ps.table(operations, { seconds: 60 }, plain)).toMatch(
      new RegExp(`${damaged.slice(0, 8)} +damaged .* ls \\(its column duration holds`)
    )
    // nothing that its id leads to goes with it
    Fs.writeFileSync(`${store.path}/events/${damaged}`, "")
    Fs.utimesSync(`${store.path}/events/${damaged}`, 0, 0)
    Fs.writeFileSync(`${store.path}/../x`, "")
    yield* TestClock.adjust("8 days")
    expect(yield* store.collect(policy)).toMatchObject({ operations: 3 })
    expect(Fs.existsSync(`${store.path}/../x`)).toBe(true)
    expect(Fs.readdirSync(`${store.path}/events`)).toEqual([])
  }))

it.scoped("a file whose row is damaged is told by its name, and heals when it is uploaded again", () =>
  Effect.gen(function*() {
    const store = yield* emptyStore
    const upload = (text: string) => store.files.upload(Stream.make(Buffer.from(text)), { maxBytes: 100 })
    const [damaged, whole] = [yield* upload("damaged"), yield* upload("whole")]
    yield* sql(store.path, "UPDATE file SET size = 'large' WHERE id = ?", damaged.id)
    const { lines, value } = yield* logged(store.files.list(page))
    expect(value).toEqual([whole])
    expect(lines).toEqual([
      `left out of the list: the file ${damaged.id} is damaged: its column size holds what no engine writes; ` +
      "upload it again"
    ])
    for (const get of [store.files.get(damaged.sha256), store.files.getById(damaged.id)]) {
      expect(yield* Effect.flip(get)).toMatchObject({ reason: "Damaged" })
    }
    const again = yield* upload("damaged")
    expect(again).toMatchObject({ sha256: damaged.sha256, size: 7 })
    expect(yield* store.files.get(damaged.sha256)).toEqual(Option.some(again))
    // one that does not say whose bytes it has: no bytes go
    yield* sql(store.path, "UPDATE file SET sha256 = 'lost', updated = 9e15 WHERE id = ?", again.id)
    yield* TestClock.adjust("8 days")
    yield* store.collect(policy)
    expect(Fs.readFileSync(store.files.path(again), "utf8")).toBe("damaged")
  }))

it.scoped("a tag that leads to no image is told by its name", () =>
  Effect.gen(function*() {
    const store = yield* emptyStore
    const image = yield* imageOf(store, "echo a > a")
    yield* store.images.setTag(image, "good")
    yield* store.images.setTag(image, "bad")
    yield* sql(store.path, "UPDATE tag SET image = 'nobody' WHERE name = 'bad'")
    expect((yield* Effect.flip(store.images.findByTag("bad"))).message).toBe(
      "Damaged: the tag bad is damaged: its column image holds what no engine writes; give it to an image again"
    )
    expect(yield* store.images.findByTag("good")).toEqual(Option.some(image))
    yield* store.images.setTag(image, "bad")
    expect(yield* store.images.findByTag("bad")).toEqual(Option.some(image))
  }))
