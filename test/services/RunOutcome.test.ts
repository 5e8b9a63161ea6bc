import { describe, expect, it } from "@effect/vitest"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { makeTail } from "../../src/services/RunOutcome.js"

describe("the tail of an output", () => {
  it("is the last of it, whatever the pieces", () => {
    const tail = makeTail()
    for (let i = 0; i < 100_000; i++) tail.add(new TextEncoder().encode(String(i % 10)))
    expect(tail.text()).toBe("0123456789".repeat(410).slice(-4096))
  })

  it("lets go of what came before: a sink may take gigabytes", async () => {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    const tail = makeTail()
    const pieces = Array.from({ length: 20 }, () => {
      const piece = new Uint8Array(100_000)
      tail.add(piece)
      return new WeakRef(piece)
    })
    for (let i = 0; i < 10 && pieces.some((piece) => piece.deref() !== undefined); i++) {
      // a WeakRef holds on to what it was made of until the turn is over
      await new Promise<void>((resolve) => setImmediate(resolve))
      collect()
    }
    expect(pieces.filter((piece) => piece.deref() !== undefined).length).toBe(0)
    expect(tail.text().length).toBe(4096)
  })
})
