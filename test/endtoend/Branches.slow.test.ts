import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Command, Images } from "effect-contree"
import { engineLayer } from "../support/engine.js"

layer(engineLayer(), { timeout: "5 minutes", excludeTestServices: true })("branches", (it) => {
  it.effect("a hundred of one image at once: a hundred images, each with its own file, and the parent as it was", () =>
    Effect.gen(function*() {
      const busybox = yield* (yield* Images.Images).use("busybox:latest")
      const { image: parent } = yield* busybox.run(Command.shell("echo parent > /mine"), { disposable: false })
      const branches = yield* Effect.forEach(Array.from({ length: 100 }, (_, n) => n), (n) =>
        Effect.gen(function*() {
          const made = yield* parent.run(Command.shell`cat /mine; echo ${n} > /mine; echo ${n} > ${`/own-${n}`}`, {
            disposable: false,
            check: true
          })
          const seen = yield* made.image.run(Command.shell("cat /mine /own-*"), { check: true })
          return {
            image: made.image,
            before: made.stdout.text,
            after: seen.stdout.text,
            read: yield* made.image.readText("/mine")
          }
        }), { concurrency: "unbounded" })
      for (const [n, { after, before, read }] of branches.entries()) {
        expect({ before, after, read }).toEqual({ before: "parent\n", after: `${n}\n${n}\n`, read: `${n}\n` })
      }
      expect(new Set([parent, ...branches.map(({ image }) => image)].map(({ id }) => id.value)).size).toBe(101)
      const left = yield* parent.run(Command.shell("cat /mine; ls / | grep -c own-"))
      expect(left.stdout.text).toBe("parent\n0\n")
    }))
})
