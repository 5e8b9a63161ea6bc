import { expect, it } from "@effect/vitest"
import { Effect, FastCheck, Option } from "effect"
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { fromCause, withoutPaths } from "../../src/store/StoreError.js"
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

it("words for others have no path of the host, wherever it stands", () => {
  const said = (text: string): string => withoutPaths(text, "/home/me/my store's")
  expect(said("mount: /home/me/my store's/tmp/x/view: no such device")).toBe(
    "mount: (the store)/tmp/x/view: no such device"
  )
  expect(said("EACCES: permission denied, rename '/home/me/my store's/a' -> '/home/me/my store's/b'; try")).not.toMatch(
    /home|store's/
  )
  expect(said("the store:/usr/lib/x, lowerdir=/a:/b,upperdir=/c")).not.toMatch(/\/(usr|a|b|c)/)
  expect(said("of https://registry.example/v2/x and localhost:5000/y: 3/4 of it")).toBe(
    "of https://registry.example/v2/x and localhost:5000/y: 3/4 of it"
  )
  expect(said("another store: /home/me/my store's-2")).not.toContain("(the store)")
})

it.prop(
  "words for others have no path of the store, whatever its name",
  [FastCheck.stringMatching(/^(\/[^\0-\x1f\x7f/]{1,8}){2,4}$/), FastCheck.array(FastCheck.string({ maxLength: 8 }))],
  ([store, words]) => {
    const text = words.join(`${store}/tmp/x`)
    const name = store.slice(store.lastIndexOf("/"))
    // what the words themselves happen to say is not of the store
    if (words.some((word) => word.includes("/"))) return
    expect(withoutPaths(text, store)).not.toContain(`${name}/tmp/x`)
  }
)

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
