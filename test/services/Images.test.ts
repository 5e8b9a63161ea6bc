import { describe, expect, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Option, Stream, TestClock } from "effect"
import { type ContreeApi, Errors, Ids, Image, Images, type Wire } from "effect-contree"
import { inspect } from "node:util"
import { type Fake, imageId, makeFake, uuid, withFake } from "../support/fakeApi.js"

const over = <A, E>(fake: Fake, use: (images: Images.Service) => Effect.Effect<A, E>) =>
  Effect.flatMap(Images.Images, use).pipe(Effect.provide(withFake(fake)))

describe("use", () => {
  it.effect("asks nothing", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const byTag = yield* over(fake, (i) => i.use("docker.io/library/busybox:latest"))
      expect([Option.isNone(byTag.id), Option.getOrNull(byTag.tag)]).toEqual([true, "busybox:latest"])
      expect(Image.isKept(byTag)).toBe(false)
      const byId = yield* over(fake, (i) => i.use(imageId(4).toUpperCase()))
      expect(Image.isKept(byId)).toBe(true)
      expect(inspect(byTag)).toContain("busybox:latest")
      expect(fake.calls).toEqual([])
    }))

  it.effect("strict pins a tag, and fails when there is none", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.tags.set("a:1", imageId(4))
      const image = yield* over(fake, (i) => i.use("tag:a:1", { strict: true }))
      expect([image.id.value, Option.getOrNull(image.tag)]).toEqual([imageId(4), "a:1"])
      fake.tags.set("a:1", imageId(5))
      expect((yield* image.inspect).id).toBe(imageId(4))
      expect(yield* Effect.flip(over(fake, (i) => i.use("tag:none", { strict: true })))).toBeInstanceOf(
        Errors.NotFoundError
      )
      fake.failures.set("inspectImage", [new Errors.NotFoundError({ method: "inspectImage" })])
      expect(yield* Effect.flip(over(fake, (i) => i.use(imageId(9), { strict: true })))).toBeInstanceOf(
        Errors.NotFoundError
      )
    }))

  it.effect("refuses what names no image", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      for (const bad of ["", ":", "tag:no spaces", `registry.test/${"x".repeat(300)}`]) {
        expect(yield* Effect.flip(over(fake, (i) => i.use(bad)))).toBeInstanceOf(Errors.InvalidReferenceError)
      }
    }))
})

describe("list", () => {
  const many = (fake: Fake, count: number) => {
    for (let i = 0; i < count; i++) fake.tags.set(`t${i}`, imageId(i + 1))
    return fake
  }

  it.effect("100 unless told otherwise, pages of at most 1000, stopping at a short one", () =>
    Effect.gen(function*() {
      const fake = many(makeFake(), 2500)
      expect((yield* over(fake, (i) => i.list())).length).toBe(100)
      expect((yield* over(fake, (i) => i.list({ number: 1200 }))).length).toBe(1200)
      expect((yield* over(fake, (i) => i.list({ number: "all" }))).length).toBe(2500)
      expect((yield* over(fake, (i) => i.list({ number: 0 }))).length).toBe(0)
      const pages = fake.named("listImages").map((c) =>
        c.args[0] as { readonly limit: number; readonly offset: number }
      )
      expect(pages.map((p) => [p.offset, p.limit])).toEqual([
        [0, 100],
        [0, 1000],
        [1000, 200],
        [0, 1000],
        [1000, 1000],
        [2000, 1000]
      ])
      expect(yield* Effect.flip(over(fake, (i) => i.list({ number: -1 })))).toBeInstanceOf(Errors.InvalidArgumentError)
    }))

  it.effect("a stream fetches no page that is not read", () =>
    Effect.gen(function*() {
      const fake = many(makeFake(), 2500)
      const first = yield* over(fake, (i) => i.stream().pipe(Stream.take(3), Stream.runCollect))
      expect([...first].map((image) => image.id.value)).toEqual([1, 2, 3].map(imageId))
      expect(fake.named("listImages").length).toBe(1)
    }))

  /** rows with the newest first, `made` more of them after the first page */
  const growing = (fake: Fake, count: number, made: number) => {
    const row = (n: number) => ({ uuid: imageId(n), tag: n % 3 === 0 ? null : Ids.Tag.make(`t${n}`) })
    const list = Array.from({ length: count }, (_, i) => row(count - i))
    const pages: Array<ReadonlyArray<number>> = []
    const api: ContreeApi.Service = {
      ...fake.api,
      listImages: (query) =>
        Effect.sync(() => {
          const [offset, limit] = [query?.offset ?? 0, query?.limit ?? 100]
          pages.push([offset, limit])
          const page = list.slice(offset, offset + limit)
          for (let i = 0; i < made && pages.length === 1; i++) list.unshift(row(list.length + 1))
          return page
        })
    }
    return { fake: { ...fake, api }, pages }
  }
  const numbers = (images: ReadonlyArray<Image.KeptImage>) => images.map((image) => image.id.value)
  const down = (from: number, count: number) => Array.from({ length: count }, (_, i) => imageId(from - i))

  it.effect("gives no row twice, whatever is made between two pages", () =>
    Effect.gen(function*() {
      for (const made of [1, 2, 400, 999]) {
        const all = growing(makeFake(), 1500, made)
        expect(numbers(yield* over(all.fake, (i) => i.list({ number: "all" })))).toEqual(down(1500, 1500))
        for (const number of [1001, 1400, 1500]) {
          const some = growing(makeFake(), 1500, made)
          expect(numbers(yield* over(some.fake, (i) => i.list({ number })))).toEqual(down(1500, number))
        }
      }
    }))

  it.effect("gives each tag of an image its row", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      for (let i = 0; i < 1200; i++) fake.tags.set(`t${i}`, imageId(1))
      expect((yield* over(fake, (i) => i.list({ number: "all" }))).length).toBe(1200)
    }))

  it.effect("ends with a server that knows no offsets", () =>
    Effect.gen(function*() {
      const fake = many(makeFake(), 1000)
      const { listImages } = fake.api
      const api = { ...fake.api, listImages: (query?: ContreeApi.ImageQuery) => listImages({ ...query, offset: 0 }) }
      for (const number of [1001, "all"] as const) {
        expect((yield* over({ ...fake, api }, (i) => i.list({ number }))).length).toBe(1000)
      }
    }))

  it.effect("tagged: false gives what has no tag, and counts that alone", () =>
    Effect.gen(function*() {
      const every = down(2400, 2400).filter((_, i) => (2400 - i) % 3 === 0)
      for (const [number, expected] of [["all", 800], [500, 500], [0, 0]] as const) {
        const { fake } = growing(makeFake(), 2400, 0)
        const found = yield* over(fake, (i) => i.list({ tagged: false, number }))
        expect(found.every((image) => Option.isNone(image.tag))).toBe(true)
        expect(numbers(found)).toEqual(every.slice(0, expected))
      }
      const { fake, pages } = growing(makeFake(), 2400, 0)
      yield* over(fake, (i) => i.stream({ tagged: false }).pipe(Stream.take(3), Stream.runDrain))
      expect(pages).toEqual([[0, 1000]])
    }))

  const operation = (n: number) => Ids.OperationId.make(uuid(n))
  /** `count` images; `maker` says which operation made the one with this number */
  const made = (count: number, maker: (n: number) => number | null) => {
    const fake = makeFake()
    let [running, most] = [0, 0]
    const asked: Array<string> = []
    const api: ContreeApi.Service = {
      ...fake.api,
      listImages: (query) =>
        Effect.succeed(
          Array.from({ length: count }, (_, n) => {
            const by = maker(n)
            return {
              uuid: imageId(n),
              tag: n % 2 === 0 ? `t${n}` : null,
              operation_uuid: by === null ? null : operation(by)
            }
          }).slice(query?.offset ?? 0, (query?.offset ?? 0) + (query?.limit ?? 100))
        ),
      // by its number: a run, an import, something new, and one that is gone
      getOperation: (id) =>
        Effect.gen(function*() {
          asked.push(id)
          most = Math.max(most, ++running)
          yield* Effect.yieldNow()
          running--
          const n = Number.parseInt(id.slice(-6), 16)
          if (n % 4 === 3) return yield* new Errors.NotFoundError({ method: "getOperation", status: 404 })
          const kind = (["instance", "image_import", "image_squash"] as const)[n % 4]!
          return { uuid: id, status: "SUCCESS", kind, metadata: null } as Wire.Operation
        })
    }
    return { fake: { ...fake, api }, asked, most: () => most }
  }

  it.effect("kind goes by the operation that made the image, looked up once each and not all at once", () =>
    Effect.gen(function*() {
      const maker = (n: number) => n % 5 === 4 ? null : n % 40
      const { asked, fake, most } = made(300, maker)
      const all = Array.from({ length: 300 }, (_, n) => n)
      const expected = (wanted: (by: number | null) => boolean) => all.filter((n) => wanted(maker(n))).map(imageId)
      expect(numbers(yield* over(fake, (i) => i.list({ kind: "instance", number: "all" })))).toEqual(
        expected((by) => by !== null && by % 4 === 0)
      )
      expect(asked.length).toBe(new Set(asked).size)
      expect(asked.length).toBe(new Set(all.map(maker)).size - 1)
      expect(most()).toBe(8)
      const imported = expected((by) => by === null || by % 4 === 1)
      expect(numbers(yield* over(fake, (i) => i.list({ kind: "imported", number: "all" })))).toEqual(imported)
      expect(numbers(yield* over(fake, (i) => i.list({ kind: "imported", number: 7 })))).toEqual(imported.slice(0, 7))
      expect(numbers(yield* over(fake, (i) => i.list({ kind: "imported", tagged: false, number: 7 })))).toEqual(
        imported.filter((id) => Number.parseInt(id.slice(-6), 16) % 2 === 1).slice(0, 7)
      )
    }))

  it.effect("kind asks for no more operations than the reader needs", () =>
    Effect.gen(function*() {
      const { asked, fake } = made(1000, (n) => 4 * n)
      expect((yield* over(fake, (i) => i.list({ kind: "instance", number: 5 }))).length).toBe(5)
      expect(asked.length).toBeLessThanOrEqual(32)
      expect((yield* over(fake, (i) => i.list({ kind: "instance", number: 0 }))).length).toBe(0)
      const failing: ContreeApi.Service = {
        ...fake.api,
        getOperation: () => Effect.fail(new Errors.ForbiddenError({ method: "getOperation", status: 403 }))
      }
      const error = yield* Effect.flip(over({ ...fake, api: failing }, (i) => i.list({ kind: "instance" })))
      expect(error).toBeInstanceOf(Errors.ForbiddenError)
    }))

  it.effect("moments stay where they were while pages are read", () =>
    Effect.gen(function*() {
      const fake = many(makeFake(), 2500)
      yield* TestClock.setTime(Date.UTC(2026, 0, 2))
      fake.before.set("listImages", TestClock.adjust("10 minutes"))
      yield* over(fake, (i) => i.list({ since: "1 day", number: "all" }))
      const queries = fake.named("listImages").map((c) => c.args[0] as ContreeApi.ImageQuery)
      expect(queries.map(({ since, until }) => [since, until])).toEqual(
        Array.from({ length: 3 }, () => ["2026-01-01T00:00:00.000Z", "2026-01-02T00:01:00.000Z"])
      )
    }))

  it.effect("moments are fixed when it begins", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      yield* TestClock.setTime(Date.UTC(2026, 0, 2))
      const query = fake.named
      yield* over(fake, (i) =>
        i.list({ since: "1 day", until: DateTime.unsafeMake("2026-01-01T12:00:00Z"), tagged: true }))
      yield* over(fake, (i) =>
        i.list({ since: new Date(0), tagPrefix: "a", id: imageId(1) }))
      yield* over(fake, (i) => i.list({ since: Duration.hours(2) }))
      expect(query("listImages").map((c) => c.args[0])).toMatchObject([
        { since: "2026-01-01T00:00:00.000Z", until: "2026-01-01T12:00:00.000Z", tagged: true },
        { since: "1970-01-01T00:00:00.000Z", tag: "a", uuid: imageId(1) },
        { since: "2026-01-01T22:00:00.000Z" }
      ])
      expect(yield* Effect.flip(over(fake, (i) => i.list({ since: new Date(Number.NaN) })))).toMatchObject({
        argument: "since"
      })
    }))
})
