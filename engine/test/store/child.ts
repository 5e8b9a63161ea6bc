/** Another process on the same store, for the tests: `commit <count>`, `hold` or `full`. */
import { Console, Effect, Option, Stream } from "effect"
import type { Scope } from "effect"
import { readdirSync, rmSync, writeFileSync } from "node:fs"
import * as Store from "../../src/store/Store.js"
import { busybox, newOperation } from "./support.js"

const [path = "", what, count] = process.argv.slice(2)

const commits = (store: Store.Store) =>
  Effect.gen(function*() {
    const parent = yield* busybox(store)
    for (let n = 0; n < Number(count); n++) {
      const id = yield* newOperation
      yield* store.operations.create({ id, kind: "instance", status: "EXECUTING", imageId: parent })
      const { upper } = yield* store.workspace(id)
      writeFileSync(`${store.path}/${upper}/who`, `${process.pid} ${n}`)
      const image = yield* store.images.commit({
        operationId: id,
        parent,
        upper,
        tag: Option.some("last"),
        env: {},
        finish: (image, imageSize, tx) => {
          tx.transition(id, ["EXECUTING"], "SUCCESS", { resultImageId: image, imageSize })
        }
      }).pipe(Effect.scoped)
      yield* Console.log(`${image} ${process.pid} ${n}`)
    }
  }).pipe(Effect.scoped)

/** Goes on for ever, with an operation, its workspace and an upload half done. */
const hold = (store: Store.Store) =>
  Effect.gen(function*() {
    const id = yield* newOperation
    yield* store.operations.create({ id, kind: "instance", status: "EXECUTING", imageId: yield* busybox(store) })
    yield* store.workspace(id)
    const upload = Stream.concat(
      Stream.make(new Uint8Array(100_000)),
      Stream.fromEffect(Effect.zipRight(Console.log(`ready ${id}`), Effect.never))
    )
    yield* store.files.upload(upload, { maxBytes: 1 << 30 })
  })

/** On a disk of 3 MB. */
const full = (store: Store.Store) =>
  Effect.gen(function*() {
    const upload = (size: number) => store.files.upload(Stream.make(new Uint8Array(size)), { maxBytes: 1 << 30 })
    const tooMuch = yield* Effect.flip(upload(4 << 20))
    yield* Console.log(`upload: ${"reason" in tooMuch ? tooMuch.reason : tooMuch.message}`)
    const filler = `${store.path}/../filler`
    try {
      writeFileSync(filler, new Uint8Array(4 << 20))
    } catch {
      // it takes what room there is
    }
    const rows = yield* Effect.flip(Effect.forever(Effect.flatMap(newOperation, (id) =>
      store.operations.create({ id, kind: "instance", metadata: "x".repeat(5000) }))))
    yield* Console.log(`rows: ${rows.reason}`)
    const left = ["tmp", "files", "l"].map((name) => [name, readdirSync(`${store.path}/${name}`)])
    yield* Console.log(`left: ${JSON.stringify(Object.fromEntries(left))}`)
    rmSync(filler)
    yield* Console.log(`with room: ${(yield* upload(5)).size}`)
  })

const images = what === "full" ? [] : ["busybox"]

Effect.runPromise(
  Effect.scoped(
    Effect.flatMap(
      Store.open({ path, images }),
      (store): Effect.Effect<void, unknown, Scope.Scope> =>
        what === "hold" ? hold(store) : what === "full" ? full(store) : commits(store)
    )
  )
).catch((error) => {
  process.stderr.write(`${error}\n`)
  process.exitCode = 1
})
