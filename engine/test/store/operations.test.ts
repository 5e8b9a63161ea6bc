import { expect, it } from "@effect/vitest"
import { Effect, Option, TestClock } from "effect"
import { ImageId } from "effect-contree/Ids"
import { randomUUID } from "node:crypto"
import { emptyStore, newOperation } from "./support.js"

const page = { limit: 100, offset: 0 }

it.scoped("keeps every field, and says when it was made", () =>
  Effect.gen(function*() {
    const store = yield* emptyStore
    yield* TestClock.setTime(1_700_000_000_123)
    const id = yield* newOperation
    const imageId = ImageId.make(randomUUID())
    const created = yield* store.operations.create({ id, kind: "instance", imageId, metadata: "{\"command\":\"ls\"}" })
    expect(created).toEqual({
      id,
      kind: "instance",
      status: "PENDING",
      error: null,
      createdAt: { seconds: 1_700_000_000, nanos: 123_000_000 },
      duration: null,
      imageSize: null,
      consumedCpu: null,
      consumedMemory: null,
      imageId,
      resultImageId: null,
      metadata: "{\"command\":\"ls\"}",
      result: null,
      owned: true
    })
    const fields = {
      error: "no",
      duration: 1.25,
      imageSize: 2 ** 40,
      consumedCpu: 0.5,
      consumedMemory: 4096,
      imageId: null,
      resultImageId: imageId,
      metadata: "{\"text\":\"é\\u0000\"}",
      result: "null"
    }
    expect(yield* store.operations.transition(id, ["PENDING"], "FAILED", fields)).toBe(true)
    expect(yield* store.operations.get(id)).toEqual(Option.some({ ...created, ...fields, status: "FAILED" }))
    expect(yield* store.operations.transition(id, ["FAILED"], "FAILED", { error: null })).toBe(true)
    expect(Option.getOrThrow(yield* store.operations.get(id))).toMatchObject({ error: null, duration: 1.25 })
    expect(yield* store.operations.get("no id")).toEqual(Option.none())
  }))

it.scoped("moves only from the states named", () =>
  Effect.gen(function*() {
    const store = yield* emptyStore
    const id = yield* newOperation
    yield* store.operations.create({ id, kind: "instance" })
    const to = (from: ReadonlyArray<string>, state: string) =>
      store.operations.transition(id, from, state, { error: state })
    expect(yield* to(["EXECUTING"], "SUCCESS")).toBe(false)
    expect(yield* to([], "SUCCESS")).toBe(false)
    expect(Option.getOrThrow(yield* store.operations.get(id))).toMatchObject({ status: "PENDING", error: null })
    expect(yield* to(["PENDING", "ASSIGNED"], "CANCELLED")).toBe(true)
    // Of two that would end it, one does.
    expect(yield* to(["PENDING", "ASSIGNED", "EXECUTING"], "SUCCESS")).toBe(false)
    expect(Option.getOrThrow(yield* store.operations.get(id)).status).toBe("CANCELLED")
    expect(yield* store.operations.transition(yield* newOperation, ["PENDING"], "FAILED")).toBe(false)
  }))

it.scoped("lists newest first, filtered and in pages", () =>
  Effect.gen(function*() {
    const store = yield* emptyStore
    const ids = yield* Effect.forEach([0, 1, 2, 3, 4], (n) =>
      Effect.gen(function*() {
        // The last two share a moment: the order stays that of making.
        yield* TestClock.setTime(1_000_000 + Math.min(n, 3) * 1000)
        const id = yield* newOperation
        yield* store.operations.create({ id, kind: n % 2 === 0 ? "instance" : "image_import" })
        return id
      }))
    const found = (query: Partial<Parameters<typeof store.operations.list>[0]>) =>
      Effect.map(store.operations.list({ ...page, ...query }), (rows) => rows.map((row) => ids.indexOf(row.id)))
    yield* store.operations.transition(ids[2]!, ["PENDING"], "SUCCESS")
    expect(yield* found({})).toEqual([4, 3, 2, 1, 0])
    expect(yield* found({ limit: 2, offset: 1 })).toEqual([3, 2])
    expect(yield* found({ kind: "instance" })).toEqual([4, 2, 0])
    expect(yield* found({ kind: "instance", status: "PENDING" })).toEqual([4, 0])
    expect(yield* found({ since: { seconds: 1001, nanos: 0 }, until: { seconds: 1002, nanos: 0 } })).toEqual([2, 1])
    expect(yield* found({ since: { seconds: 1001, nanos: 1000 } })).toEqual([4, 3, 2])
    expect(yield* found({ status: "'; DROP TABLE operation" })).toEqual([])
  }))
