/** Trees that are larger, or deeper, than what one would write by hand. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as ImageTree from "../../src/image/ImageTree.js"
import { emptyStore, imageOf, runScript } from "../store/support.js"

const count = 8000

const many = `seq -f file-%g ${count} | xargs touch`

/** What `effect` gives, and how often others had a turn while it was under way. */
const turnsDuring = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    let turns = 0
    let going = true
    const others = yield* Effect.fork(Effect.promise(async () => {
      while (going) {
        await new Promise((resolve) => setImmediate(resolve))
        turns++
      }
    }))
    const result = yield* Effect.ensuring(
      effect,
      Effect.sync(() => {
        going = false
      })
    )
    const during = turns
    yield* Fiber.join(others)
    return { result, turns: during }
  })

describe("a folder of many entries keeps nobody waiting while it", () => {
  it.scoped("is listed, and searched", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      const tree = ImageTree.make(store, yield* store.images.layers(yield* imageOf(store, many)))
      const listed = yield* turnsDuring(tree.list("/"))
      expect(listed.result).toHaveLength(count)
      expect(listed.turns).toBeGreaterThan(2)
      // Text that may stand for another name: all of them are looked at.
      const searched = yield* turnsDuring(Effect.flip(tree.stat("/\uFFFD")))
      expect(searched.result.reason).toBe("NotFound")
      expect(searched.turns).toBeGreaterThan(2)
    }))

  it.scoped("is compared", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      const parent = yield* imageOf(store, `mkdir d && cd d && ${many}`)
      const { result, turns } = yield* turnsDuring(runScript(store, parent, "chmod -R u+r d"))
      expect(result.image).toBe(parent)
      expect(turns).toBeGreaterThan(2)
    }))
})

// A shell's `cd` needs the whole path.
const deep = `"${process.execPath}" -e '
  const fs = require("fs")
  for (let n = 0; n < 900; n++) { fs.mkdirSync("abcdef"); process.chdir("abcdef") }
  fs.writeFileSync("bottom", "12345")
'`

describe("a tree deeper than a path may be long", () => {
  it.scoped("is kept, measured and compared", () =>
    Effect.gen(function*() {
      const store = yield* emptyStore
      const parent = yield* imageOf(store, "mkdir empty")
      const made = yield* runScript(store, parent, `printf 123 > top; ${deep}`)
      expect(made.size).toBe(8)
      expect(yield* ImageTree.make(store, yield* store.images.layers(made.image)).list("/")).toHaveLength(3)
      const again = yield* runScript(store, made.image, `rm -rf abcdef; ${deep}`)
      expect(again.image).not.toBe(made.image)
      expect(again.size).toBe(5)
      expect((yield* runScript(store, again.image, "true")).image).toBe(again.image)
    }))
})
