import { expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { fromCause } from "../../src/store/StoreError.js"
import { emptyStore, newOperation } from "./support.js"

it("a text of the system comes without the paths of the host, and is short", () => {
  const failing = (action: () => void): string => {
    try {
      action()
    } catch (cause) {
      return fromCause("doing")(cause).message
    }
    return ""
  }
  const text = failing(() => readdirSync(`/nowhere's/${"deep/".repeat(900)}`))
  expect(text).toContain("ENAMETOOLONG")
  expect(text).not.toContain("nowhere")
  expect(failing(() => mkdirSync("/nowhere/a"))).toMatch(/ENOENT: no such file or directory, mkdir;/)
  expect(fromCause("doing")(new Error("x".repeat(5000))).description.length).toBeLessThan(700)
})

it.scoped("a commit that fails names no folder of the host", () =>
  Effect.gen(function*() {
    const store = yield* emptyStore
    const { upper } = yield* Effect.flatMap(newOperation, store.workspace)
    rmSync(`${store.path}/${upper}`, { recursive: true })
    writeFileSync(`${store.path}/${upper}`, "")
    const error = yield* Effect.flip(store.images.commit({
      operationId: null,
      parent: null,
      upper,
      tag: Option.none(),
      env: {},
      finish: () => undefined
    }))
    expect(error.message).toContain("ENOTDIR")
    expect(error.message).not.toContain(store.path)
  }))
