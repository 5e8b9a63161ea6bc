import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ImageId } from "effect-contree/Ids"
import * as Commit from "../../src/store/Commit.js"
import * as StoreModule from "../../src/store/Store.js"
import * as Local from "../support/LocalEngine.js"

const runs = Number(process.env["CONTREE_CHAIN"] ?? 1_000)

const median = (millis: ReadonlyArray<number>): string =>
  `${Math.round([...millis].sort((a, b) => a - b)[millis.length >> 1]!)} ms`

/** what the file of this number holds */
const content = (n: number): string => `${n} of ${runs}\n`

it.scopedLive(
  `a chain of ${runs} runs: each image has what all before it wrote, and no more, and none gets deep`,
  () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const engine = yield* Local.startOn(store)
      const images: Array<ImageId> = []
      const took: Array<number> = []
      yield* Local.promise(async () => {
        for (let n = 1; n <= runs; n++) {
          const begun = performance.now()
          // one that every run writes anew, one that it adds, and one that it takes away from the run before
          const command = `echo ${n} > /last; mkdir -p /d; printf '${content(n).trim()}\\n' > /d/${n}; ` +
            `rm -f /gone-${n - 1}; : > /gone-${n}`
          const image = images.at(-1) ?? "tag:busybox"
          const operation = await engine.run({ image, command, shell: true })
          expect([operation.status, operation.error], `run ${n}`).toEqual(["SUCCESS", null])
          images.push(operation.result_image_uuid)
          took.push(performance.now() - begun)
        }
      })
      const some = Math.min(100, runs)
      console.log(
        `${runs} runs in a chain took ${Math.round(took.reduce((sum, each) => sum + each, 0) / 1000)} s: ` +
          `median of the first ${some} ${median(took.slice(0, some))}, of the last ${some} ${median(took.slice(-some))}`
      )

      const opened = yield* StoreModule.open({ path: store, images: [] })
      const depths = yield* Effect.forEach(images, (id) => Effect.map(opened.images.layers(id), ({ length }) => length))
      expect(Math.max(...depths)).toBeLessThanOrEqual(Commit.maxLayers)
      console.log(
        `at most ${Math.max(...depths)} layers, ${depths.filter((depth) => depth === 1).length} times one again`
      )

      const looks = [...new Set([1, Commit.maxLayers, Commit.maxLayers + 1, runs >> 1, runs])].filter((n) => n <= runs)
      yield* Local.promise(async () => {
        for (const n of looks) {
          const image = images[n - 1]!
          const command = "cat /last; ls -d /gone-*; ls /d | wc -l; i=0; " +
            "while [ $i -lt $(cat /last) ]; do i=$((i+1)); cat /d/$i; done"
          const inBox = await engine.run({ image, command, shell: true, disposable: true })
          const all = Array.from({ length: n }, (_, index) => content(index + 1)).join("")
          expect(Local.bytesOf(inBox.metadata.result.stdout).toString(), `image ${n}`).toBe(
            `${n}\n/gone-${n}\n${n}\n${all}`
          )
          // the same without a box, through the layers as they are
          const listed = (await engine.call("GET", `/v1/inspect/${image}/list?path=/d`)).json
          expect(listed.files.length).toBe(n)
          const { text } = await engine.call("GET", `/v1/inspect/${image}/download?path=/d/${n}`)
          expect(text).toBe(content(n))
        }
      })
    }),
  3_600_000
)
