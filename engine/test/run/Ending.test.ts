import { describe, expect, it } from "@effect/vitest"
import { OperationId } from "effect-contree/Ids"
import { Effect } from "effect"
import * as Ending from "../../src/run/Ending.js"

describe("an operation that ends", () => {
  it.effect("gives its place back before anybody can read that it has", () =>
    Effect.gen(function*() {
      const happened: Array<string> = []
      const note = (what: string) => Effect.sync(() => void happened.push(what))
      const operationId = OperationId.make("01234567-89ab-4def-8123-456789abcdef")
      yield* Ending.complete({
        operationId,
        writer: {
          operationId,
          unsafeAppend: () => undefined,
          append: (type) => note(type)
        },
        endLog: note("end of the log"),
        leave: note("place"),
        unwritten: undefined
      }, { status: "SUCCESS", durationMs: 1 })
      expect(happened).toEqual(["place", "completion"])
    }))
})
