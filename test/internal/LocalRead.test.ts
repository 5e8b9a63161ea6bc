import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { createHash, randomBytes } from "node:crypto"
import * as LocalRead from "../../src/internal/LocalRead.js"
import * as SpareBytes from "../../src/internal/SpareBytes.js"

const size = 3_000_000

const inFile = <A, E>(
  use: (path: string, content: Buffer) => Effect.Effect<A, E, FileSystem.FileSystem>
) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = `${yield* fs.makeTempDirectoryScoped()}/file`
    const content = randomBytes(size)
    yield* fs.writeFile(path, content)
    return yield* use(path, content)
  }).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

describe("a local file", () => {
  it.effect.each([[undefined, size], [size, size], [1_000_001, 1_000_001], [size + 1, size], [0, 0]] as const)(
    "of which %o bytes are wanted",
    ([wanted, read]) =>
      inFile((path, content) =>
        Effect.gen(function*() {
          const pieces = yield* Stream.runCollect(LocalRead.stream(path, wanted))
          // Pieces that nobody gives back are one's own.
          expect(Buffer.concat([...pieces]).equals(content.subarray(0, read))).toBe(true)
          const digest = createHash("sha256").update(content.subarray(0, read)).digest("hex")
          expect(yield* LocalRead.sha256(path, wanted)).toBe(digest)
        })
      )
  )

  it.effect("comes in the same memory again, when that is given back", () =>
    inFile((path, content) =>
      Effect.gen(function*() {
        const hash = createHash("sha256")
        const memory = new Set<ArrayBufferLike>()
        yield* Stream.runForEach(LocalRead.stream(path, size), (piece) =>
          Effect.sync(() => {
            memory.add(piece.buffer)
            hash.update(piece)
            SpareBytes.giveBack(piece)
            // once is enough: no buffer is handed out twice
            SpareBytes.giveBack(piece)
          }))
        expect(hash.digest("hex")).toBe(createHash("sha256").update(content).digest("hex"))
        expect(memory.size).toBe(1)
      })
    ))

  it.effect("that is not there is an error of the platform", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Stream.runDrain(LocalRead.stream("/nowhere/at/all", undefined)))
      expect(error).toMatchObject({ _tag: "SystemError", reason: "NotFound" })
    }).pipe(Effect.provide(NodeContext.layer)))

  it("what is given back twice is handed out once", () => {
    const spare = SpareBytes.make(8)
    const buffer = spare.take()
    spare.lend(buffer)
    SpareBytes.giveBack(buffer)
    SpareBytes.giveBack(buffer)
    expect(spare.take()).toBe(buffer)
    expect(spare.take()).not.toBe(buffer)
  })

  it("nothing happens to bytes that were not lent", () => {
    const spare = SpareBytes.make(8)
    const mine = new Uint8Array(8)
    SpareBytes.giveBack(mine)
    expect(spare.take()).not.toBe(mine)
  })
})
