import { describe, expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import { sql } from "../store/tamper.js"
import { LocalEngine } from "../support/LocalEngine.js"
import * as Local from "../support/LocalEngine.js"

const imageOf = async (engine: Local.Engine, script: string, image?: string): Promise<string> =>
  (await engine.run({ command: script, shell: true, ...(image === undefined ? {} : { image }) })).result_image_uuid

/** Every way to use an image, and `HEAD`, which has no body. */
const uses = (engine: Local.Engine, image: string): ReadonlyArray<Promise<Local.Answer>> => [
  ...["list?path=/", "download?path=/bin/sh", "archive?path=/etc", "grep?pattern=x", "grep?pattern=x&path=/etc"].map(
    (path) => engine.call("GET", `/v1/inspect/${image}/${path}`)
  ),
  engine.call("POST", "/v1/instances", { body: { image, command: "true", timeout: 10 } })
]

const heads = (engine: Local.Engine, image: string): ReadonlyArray<Promise<Local.Answer>> =>
  ["download?path=/bin/sh", "archive?path=/etc"].map((path) => engine.call("HEAD", `/v1/inspect/${image}/${path}`))

layer(Local.layer(), { timeout: "5 minutes" })("an image that is damaged", (it) => {
  describe("on the wire", () => {
    it.effect("in its row: every use says so by its name, and the others work", () =>
      Effect.gen(function*() {
        const engine = yield* LocalEngine
        const [damaged, whole] = yield* Effect.promise(async () =>
          [
            await imageOf(engine, "echo a > /a"),
            await imageOf(engine, "echo b > /b")
          ] as const
        )
        yield* sql(engine.store, "UPDATE image SET layers = 'x' WHERE id = ?", damaged)
        yield* Effect.promise(async () => {
          const said = `the image ${damaged} is damaged: its column layers holds what no engine writes; import it or ` +
            "make it again, or restore contree.db from a copy"
          for (const use of [...uses(engine, damaged), engine.call("GET", `/v1/inspect/${damaged}/`)]) {
            expect((await use).json).toEqual({ status: 500, error: said })
          }
          for (const use of heads(engine, damaged)) expect((await use).status).toBe(500)
          const list = await engine.call("GET", "/v1/images")
          const ids = list.json.images.map(({ uuid }: Local.Json) => uuid)
          expect([list.status, ids.includes(damaged), ids.includes(whole)]).toEqual([200, false, true])
          const answers = await Promise.all(uses(engine, whole))
          expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 201])
        })
      }))

    it.effect("in a layer below its own: no path of it is just not there", () =>
      Effect.gen(function*() {
        const engine = yield* LocalEngine
        yield* Effect.promise(async () => {
          const parent = await imageOf(engine, "echo c > /c")
          const child = await imageOf(engine, "echo d > /d", parent)
          const layers = Fs.readdirSync(`${engine.store}/l`).filter((name) => !name.includes("."))
          // the child's is the newest, its parent's the one before
          const gone = layers.map((name) => Number.parseInt(name, 36)).sort((a, b) => a - b).at(-2)!.toString(36)
          Fs.renameSync(`${engine.store}/l/${gone}`, `${engine.store}/elsewhere`)
          for (const image of [parent, child]) {
            for (const use of uses(engine, image)) {
              const { json } = await use
              expect([json.status, json.error]).toEqual([
                500,
                expect.stringContaining(`the image ${image} is damaged: its layer l/${gone} is not there; `)
              ])
            }
            for (const use of heads(engine, image)) expect((await use).status).toBe(500)
          }
          const busybox = (await engine.call("GET", "/v1/inspect/?tag=busybox")).headers.location!.replace("/", "")
          expect((await Promise.all(heads(engine, busybox))).map(({ status }) => status)).toEqual([200, 200])
          Fs.renameSync(`${engine.store}/elsewhere`, `${engine.store}/l/${gone}`)
          expect((await Promise.all(heads(engine, child))).map(({ status }) => status)).toEqual([200, 200])
        })
      }))
  })
})
